"""How an incident moves from state to state. Real Postgres; times are the test's own."""

from __future__ import annotations

from datetime import timedelta

import pytest

from console.models import Broker
from tests.factories import HOSTILE, add_queue
from tests.vhosts.alerts.conftest import START, events, states
from vhosts.alerts.evaluate.passes import evaluate, pass_time
from vhosts.models import (
    AlertEvaluation,
    AlertEvent,
    AlertIncident,
    AlertOwner,
    AlertRule,
    MaintenanceWindow,
    Queue,
)

pytestmark = pytest.mark.django_db


def depth(queue: Queue, ready: int | None) -> None:
    Queue.objects.filter(pk=queue.pk).update(ready=ready, total=ready)


def test_it_fires_at_once_without_a_duration_and_resolves(clock, rule) -> None:
    queue = add_queue(clock.broker, "orders", START, ready=11)
    add_queue(clock.broker, "quiet", START, ready=10)
    made = rule(threshold=10, severity="critical")
    clock.poll()
    incident = AlertIncident.objects.get()
    assert (incident.name, incident.vhost, incident.subject_kind) == ("orders", "/", "queue")
    assert (incident.state, incident.value, incident.threshold) == ("firing", 11, 10)
    assert (incident.severity, incident.rule, incident.fired_at) == ("critical", made, clock.now)
    assert "11 ready" in incident.detail
    clock.poll()
    assert events(incident) == ["fired"]
    depth(queue, 3)
    clock.poll()
    incident.refresh_from_db()
    assert (incident.state, incident.resolved_by, incident.resolved_at) == (
        "resolved",
        "cleared",
        clock.now,
    )
    assert events(incident) == ["fired", "resolved"]
    depth(queue, 12)
    clock.poll()
    assert states() == [("orders", "resolved"), ("orders", "firing")]


def test_it_waits_until_the_condition_held_for_long_enough(clock, rule) -> None:
    queue = add_queue(clock.broker, "orders", START, ready=11)
    rule(threshold=10, for_s=30)
    clock.poll()
    assert states() == [("orders", "pending")]
    clock.poll(29)
    assert states() == [("orders", "pending")]
    depth(queue, 1)
    clock.poll(1)
    assert states() == []
    depth(queue, 20)
    clock.poll()
    clock.poll(30)
    assert states() == [("orders", "firing")]


def test_between_the_thresholds_it_stays_as_it_is(clock, rule) -> None:
    queue = add_queue(clock.broker, "orders", START, ready=90)
    rule(threshold=100, clear_threshold=50)
    clock.poll()
    assert states() == []
    depth(queue, 101)
    clock.poll()
    depth(queue, 60)
    clock.poll()
    incident = AlertIncident.objects.get()
    assert (incident.state, incident.value) == ("firing", 60)
    depth(queue, 50)
    clock.poll()
    assert states() == [("orders", "resolved")]


def test_it_resolves_only_after_its_quiet_time(clock, rule) -> None:
    queue = add_queue(clock.broker, "orders", START, ready=11)
    rule(threshold=10, keep_s=30)
    clock.poll()
    depth(queue, 0)
    clock.poll()
    depth(queue, 11)
    clock.poll()
    depth(queue, 0)
    clock.poll()
    clock.poll(20)
    assert states() == [("orders", "firing")]
    clock.poll(10)
    assert states() == [("orders", "resolved")]


def test_a_broker_that_cannot_be_seen_resolves_nothing(clock, rule) -> None:
    queue = add_queue(clock.broker, "orders", START, ready=11)
    waiting = add_queue(clock.broker, "waiting", START, ready=11)
    rule(threshold=10, queue_pattern="orders")
    rule(threshold=10, queue_pattern="waiting", for_s=600)
    clock.poll()
    assert states() == [("orders", "firing"), ("waiting", "pending")]
    clock.fail()
    incident = AlertIncident.objects.get()
    assert (incident.name, incident.state, incident.state_before) == ("orders", "no_data", "firing")
    evaluation = AlertEvaluation.objects.get(broker=clock.broker)
    assert set(evaluation.not_evaluated.values()) == {"The broker can't be seen."}
    clock.fail()
    assert events(incident) == ["fired", "no_data"]
    clock.back()
    incident.refresh_from_db()
    assert incident.state == "firing"
    assert events(incident) == ["fired", "no_data", "data_back"]
    clock.fail()
    depth(queue, 0)
    depth(waiting, 0)
    clock.back()
    assert states() == [("orders", "resolved")]


def test_a_depth_that_is_unknown_resolves_nothing(clock, rule) -> None:
    queue = add_queue(clock.broker, "orders", START, ready=11)
    rule(threshold=10)
    clock.poll()
    depth(queue, None)
    clock.poll()
    assert states() == [("orders", "no_data")]
    depth(queue, 0)
    clock.poll()
    assert states() == [("orders", "resolved")]


def test_depths_that_are_out_of_date_are_no_data_and_say_why(clock, rule) -> None:
    add_queue(clock.broker, "orders", START, ready=11)
    made = rule(threshold=10)
    clock.poll()
    clock.poll(60, depths_at=START, part_errors={"depths": "The plugin is off."})
    assert states() == [("orders", "no_data")]
    evaluation = AlertEvaluation.objects.get(broker=clock.broker)
    assert evaluation.not_evaluated == {str(made.pk): "The plugin is off."}


def test_a_deleted_queue_ends_its_incident(clock, rule) -> None:
    queue = add_queue(clock.broker, "orders", START, ready=11)
    rule(threshold=10)
    clock.poll()
    Queue.objects.filter(pk=queue.pk).update(gone_at=clock.now)
    clock.poll()
    assert AlertIncident.objects.get().resolved_by == "gone"


def test_a_rule_that_no_longer_covers_the_broker_ends_its_incidents(clock, rule) -> None:
    add_queue(clock.broker, "orders", START, ready=11)
    made = rule(threshold=10)
    clock.poll()
    made.environment = "production"
    made.save()
    clock.poll()
    incident = AlertIncident.objects.get()
    assert (incident.state, incident.resolved_by) == ("resolved", "rule")
    assert events(incident) == ["fired", "resolved"]


def test_patterns_and_brokers_limit_a_rule(clock, rule) -> None:
    for name in ("a.dlq", "b.dlq", "a_dlq", "aXdlq"):
        add_queue(clock.broker, name, START, ready=11)
    add_queue(clock.broker, "other.dlq", START, ready=11, vhost="other")
    rule(threshold=10, queue_pattern="a_dlq")
    rule(threshold=10, queue_pattern="*.dlq", vhost_pattern="oth*")
    elsewhere = rule(threshold=10)
    elsewhere.brokers.add(Broker.objects.create(name="b", management_url="http://b"))
    clock.poll()
    assert states() == [("a_dlq", "firing"), ("other.dlq", "firing")]


def test_evaluating_the_same_poll_twice_changes_nothing(clock, rule) -> None:
    add_queue(clock.broker, "orders", START, ready=11)
    rule(threshold=10)
    clock.poll()
    assert not evaluate(clock.broker.pk, clock.now)
    assert not evaluate(clock.broker.pk, clock.now - timedelta(seconds=5))
    assert AlertEvent.objects.count() == 1


def test_a_rule_that_fails_costs_no_other_and_is_shown_as_broken(clock, rule) -> None:
    add_queue(clock.broker, "orders", START, ready=11)
    broken = rule("queue_redelivery", threshold=1, parameters={"least_rate": "not a number"})
    good = rule(threshold=10)
    Queue.objects.update(rates_at=START + timedelta(seconds=10))
    clock.poll()
    assert states() == [("orders", "firing")]
    evaluation = AlertEvaluation.objects.get(broker=clock.broker)
    assert list(evaluation.broken) == [str(broken.pk)]
    assert evaluation.found == {str(good.pk): 1}
    broken.refresh_from_db()
    assert broken.broken_at == clock.now
    assert "Postgres says" in broken.broken_text
    broken.parameters = {}
    broken.save()
    Queue.objects.update(rates_at=clock.now + timedelta(seconds=10))
    clock.poll()
    broken.refresh_from_db()
    assert (broken.broken_at, broken.broken_text) == (None, "")


def test_a_type_of_another_version_is_not_evaluated_and_says_so(clock, rule) -> None:
    made = rule("of_the_future")
    clock.poll()
    told = AlertEvaluation.objects.get(broker=clock.broker).not_evaluated[str(made.pk)]
    assert "of_the_future" in told


def test_a_maintenance_window_mutes_and_what_still_fires_is_reported_when_it_ends(
    clock, rule
) -> None:
    queue = add_queue(clock.broker, "orders", START, ready=11)
    add_queue(clock.broker, "invoices", START, ready=11)
    rule(threshold=10)
    window = MaintenanceWindow.objects.create(
        reason="upgrade",
        queue_pattern="ord*",
        starts_at=START,
        ends_at=START + timedelta(seconds=60),
    )
    clock.poll()
    muted = AlertIncident.objects.get(name="orders")
    event = muted.events.get()
    assert (muted.state, muted.muted, event.muted, event.window) == ("firing", True, True, window)
    assert not AlertIncident.objects.get(name="invoices").muted
    pass_time(clock.broker.pk, clock.now)
    assert events(muted) == ["fired"]
    pass_time(clock.broker.pk, START + timedelta(seconds=61))
    pass_time(clock.broker.pk, START + timedelta(seconds=61))
    assert list(muted.events.order_by("number").values_list("kind", "muted")) == [
        ("fired", True),
        ("window_ended", False),
    ]
    depth(queue, 0)
    clock.poll(100)
    assert events(muted) == ["fired", "window_ended", "resolved"]


def test_what_fired_and_ended_in_a_window_notifies_nobody(clock, rule) -> None:
    queue = add_queue(clock.broker, "orders", START, ready=11)
    rule(threshold=10)
    MaintenanceWindow.objects.create(
        reason="upgrade", starts_at=START, ends_at=START + timedelta(hours=1)
    )
    clock.poll()
    depth(queue, 0)
    clock.poll()
    assert list(AlertEvent.objects.values_list("kind", "muted")) == [
        ("fired", True),
        ("resolved", True),
    ]


def test_reminders_come_while_it_fires_and_once_each(clock, rule) -> None:
    add_queue(clock.broker, "orders", START, ready=11)
    rule(threshold=10, reminder_s=300)
    clock.poll()
    incident = AlertIncident.objects.get()
    fired = clock.now
    for seconds in (299, 300, 300, 599, 600):
        pass_time(clock.broker.pk, fired + timedelta(seconds=seconds))
    assert events(incident) == ["fired", "reminded", "reminded"]


def test_the_first_owner_whose_patterns_match_is_responsible(clock, rule) -> None:
    add_queue(clock.broker, "orders", START, ready=11)
    rule(threshold=10)
    AlertOwner.objects.create(position=0, name="payments", queue_pattern="pay*")
    second = AlertOwner.objects.create(position=2, name="shop", queue_pattern="ord*")
    AlertOwner.objects.create(position=3, name="everybody")
    AlertOwner.objects.create(position=1, name="elsewhere", broker_pattern="other-*")
    clock.poll()
    assert AlertIncident.objects.get().owner == second


def test_hostile_names_are_only_names(clock, rule) -> None:
    for name in HOSTILE:
        add_queue(clock.broker, name, START, ready=11)
    rule(threshold=10)
    rule(threshold=10, queue_pattern="*'; DROP*")
    clock.poll()
    assert AlertIncident.objects.filter(state="firing").count() == len(HOSTILE) + 1
    assert AlertRule.objects.exists()
