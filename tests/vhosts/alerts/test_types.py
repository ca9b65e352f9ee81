"""What each type of rule measures: it holds, doesn't, or can't be told. Real Postgres, rows as polls
and inventories write them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from console.models import ManagedObject
from tests.factories import add_queue, add_vhost
from tests.vhosts.alerts.conftest import START, Clock
from vhosts.alerts.evaluate.passes import evaluate
from vhosts.alerts.standard.rules import STANDARD
from vhosts.alerts.types.registry import TYPES
from vhosts.diagnosis.model import ClusterReport
from vhosts.history import partitions
from vhosts.models import (
    AlertEvaluation,
    AlertIncident,
    AlertRule,
    Exchange,
    NoisePattern,
    Queue,
    QueueRollup1h,
)
from vhosts.noise.mark import mark_noise

pytestmark = pytest.mark.django_db
UP = {"name": "a", "running": True}
DOWN = {"name": "b", "running": False}


def outcome(clock: Clock, rule: AlertRule, **status: Any) -> str:
    """The state of the rule's newest incident, "" for none, or why it can't be evaluated."""
    clock.poll(**status)
    evaluation = AlertEvaluation.objects.get(broker=clock.broker)
    assert not evaluation.broken
    why = evaluation.not_evaluated.get(str(rule.pk))
    found = AlertIncident.objects.filter(rule=rule).order_by("-pk").first()
    return why or (found.state if found else "")


@pytest.mark.parametrize(
    ("kind", "threshold", "holds", "ends", "unknown"),
    [
        ("running_nodes", 2, [UP, DOWN], [UP, {**UP, "name": "b"}], []),
        ("no_majority", None, [UP, DOWN], [UP, {**UP, "name": "b"}], []),
        ("partition", None, [{**UP, "partitions": ["b"]}], [{**UP, "partitions": []}], []),
        ("node_down", None, [DOWN], [{**DOWN, "running": True}], []),
        ("memory_alarm", None, [{**UP, "mem_alarm": True}], [{**UP, "mem_alarm": False}], [UP]),
        (
            "disk_alarm", None, [{**UP, "disk_free_alarm": True}], [{**UP, "disk_free_alarm": False}],
            [{**UP, "disk_free_alarm": None}],
        ),
        (
            "memory_used", 90, [{**UP, "mem_used": 91, "mem_limit": 100}],
            [{**UP, "mem_used": 90, "mem_limit": 100}], [{**UP, "mem_used": 91, "mem_limit": 0}],
        ),
        (
            "disk_free", 1.5, [{**UP, "disk_free": 149, "disk_free_limit": 100}],
            [{**UP, "disk_free": 150, "disk_free_limit": 100}], [{**UP, "disk_free": "x"}],
        ),
        (
            "file_descriptors", 90, [{**UP, "fd_used": 95, "fd_total": 100}],
            [{**UP, "fd_used": 5, "fd_total": 100}], [{**UP, "running": False}],
        ),
        ("restarted", 10, [{**UP, "uptime_ms": 5}], [{**UP, "uptime_ms": 600_000}], [UP]),
    ],
)  # fmt: skip
def test_nodes(clock, rule, kind, threshold, holds, ends, unknown) -> None:
    made = rule(kind, threshold=threshold)
    assert outcome(clock, made, nodes=ends) == ""
    assert outcome(clock, made, nodes=holds) == "firing"
    without = outcome(clock, made, nodes=unknown)
    assert without == "no_data" or "nodes" in without
    assert AlertIncident.objects.get().state == "no_data"
    assert outcome(clock, made, nodes=ends) == "resolved"


def test_a_node_that_left_the_cluster_ends_its_incident(clock, rule) -> None:
    made = rule("node_down")
    assert outcome(clock, made, nodes=[UP, DOWN]) == "firing"
    assert outcome(clock, made, nodes=[UP]) == "resolved"
    assert AlertIncident.objects.get().resolved_by == "gone"


@pytest.mark.parametrize(
    ("kind", "threshold", "column", "values"),
    [
        ("connections", 1000, "connections", (1001, 1000, None)),
        ("slow_answer", 2000, "answer_ms", (2500, 20, None)),
    ],
)
def test_brokers(clock, rule, kind, threshold, column, values) -> None:
    made = rule(kind, threshold=threshold)
    holds, ends, unknown = values
    assert outcome(clock, made, **{column: holds}) == "firing"
    assert outcome(clock, made, **{column: unknown}) == "no_data"
    assert outcome(clock, made, **{column: ends}) == "resolved"


@pytest.mark.parametrize(
    ("kind", "threshold", "holds", "ends", "unknown"),
    [
        ("queue_messages", 5, {"ready": 6}, {"ready": 5}, {"ready": None}),
        ("queue_growth", 100, {"growth_5m": 101}, {"growth_5m": -5}, {"growth_5m": None}),
        ("queue_no_consumers", 0, {"consumers": 0}, {"consumers": 1}, {"consumers": None}),
        ("queue_consumers", 1, {"consumers": 2}, {"consumers": 1}, {"consumers": None}),
        (
            "queue_redelivery", 20, {"redeliver_rate": 3.0, "deliver_rate": 10.0},
            {"redeliver_rate": 0.5, "deliver_rate": 1.0}, {"redeliver_rate": None},
        ),
        ("queue_unavailable", None, {"state": "down"}, {"state": "running"}, {"state": ""}),
    ],
)  # fmt: skip
def test_queues(clock, rule, kind, threshold, holds, ends, unknown) -> None:
    made = rule(kind, threshold=threshold)
    queue = add_queue(clock.broker, "q", START, ready=1, growth_5m=0, redeliver_rate=0.0)
    other = add_queue(clock.broker, "other", START, ready=1, growth_5m=0, redeliver_rate=0.0)

    def with_(values: dict[str, Any]) -> str:
        Queue.objects.filter(pk=queue.pk).update(**values)
        Queue.objects.filter(pk=other.pk).update(rates_at=clock.now)
        return outcome(clock, made)

    assert with_({}) == ""
    assert with_(holds) == "firing"
    assert with_(unknown) == "no_data"
    assert with_(ends) == "resolved"


def test_a_stream_without_consumers_is_not_reported(clock, rule) -> None:
    one = rule("queue_no_consumers", threshold=0, for_s=0)
    add_queue(clock.broker, "events", START, type="stream", total=9, consumers=0)
    assert outcome(clock, one, consumers_at=clock.now) == ""
    add_queue(clock.broker, "orders", START, type="classic", total=9, consumers=0)
    assert outcome(clock, one, consumers_at=clock.now) == "firing"


def test_few_redeliveries_are_no_churn(clock, rule) -> None:
    made = rule("queue_redelivery", threshold=20, parameters={"least_rate": 2})
    add_queue(clock.broker, "q", START, redeliver_rate=1.0, deliver_rate=1.0, rates_at=START)
    assert outcome(clock, made) == ""
    made.parameters = {"least_rate": 1}
    made.save()
    assert outcome(clock, made) == "firing"


def test_rates_that_are_out_of_date_are_no_data(clock, rule) -> None:
    made = rule("queue_redelivery", threshold=20)
    add_queue(clock.broker, "q", START, redeliver_rate=5.0, deliver_rate=5.0, rates_at=START)
    assert outcome(clock, made) == "firing"
    clock.poll(100)
    assert "aren't known" in outcome(clock, made)
    assert AlertIncident.objects.get().state == "no_data"


def test_unusually_many_are_compared_with_the_average_of_a_day(clock, rule) -> None:
    from datetime import timedelta

    partitions.make_ahead(START, back_days=2)
    made = rule("queue_unusual", threshold=3, message_type="unacked")
    queue = add_queue(clock.broker, "q", START, unacked=400)
    new = add_queue(clock.broker, "new", START, unacked=400)
    few = add_queue(clock.broker, "few", START, unacked=99)
    for one, average in ((queue, 100), (few, 1)):
        QueueRollup1h.objects.create(
            queue_id=one.pk, bucket_at=START - timedelta(hours=2), known_s=3600,
            ready_min=0, ready_max=0, ready_avg=0, ready_last=0,
            unacked_min=0, unacked_max=100, unacked_avg=average, unacked_last=100,
        )  # fmt: skip
    assert outcome(clock, made) == "firing"
    incident = AlertIncident.objects.get()
    assert (incident.name, incident.value) == ("q", 4.0)
    assert new.pk
    Queue.objects.filter(pk=queue.pk).update(unacked=200)
    assert outcome(clock, made) == "resolved"


@pytest.mark.parametrize(
    ("kind", "threshold", "holds", "ends"),
    [
        ("exchange_unroutable", 0.01, {"returned_rate": 1.0}, {"returned_rate": 0.0}),
        ("exchange_quiet", 5, {"in_rate": 1.0}, {"in_rate": 6.0}),
    ],
)
def test_exchanges(clock, rule, kind, threshold, holds, ends) -> None:
    made = rule(kind, threshold=threshold, queue_pattern="orders")
    for name in ("orders", "amq.topic"):
        Exchange.objects.create(
            broker=clock.broker, vhost="/", name=name, type="topic", first_seen_at=START,
            changed_at=START, in_rate=1.0,
        )  # fmt: skip
    assert "aren't known" in outcome(clock, made)
    Exchange.objects.update(rates_at=clock.now, **ends)
    assert outcome(clock, made) == ""
    Exchange.objects.update(rates_at=clock.now, **holds)
    assert outcome(clock, made) == "firing"
    Exchange.objects.filter(name="amq.topic").update(rates_at=clock.now)
    Exchange.objects.filter(name="orders").update(in_rate=None, returned_rate=None)
    assert outcome(clock, made) == "no_data"
    Exchange.objects.update(rates_at=clock.now, **ends)
    assert outcome(clock, made) == "resolved"


def test_virtual_hosts(clock, rule) -> None:
    made = rule("vhost_down", vhost_pattern="team*")
    for name in ("team", "other"):
        add_vhost(clock.broker, name, START, cluster_state={"a": "running", "b": "stopped"})
    assert outcome(clock, made, inventory_at=START) == "firing"
    incident = AlertIncident.objects.get()
    assert (incident.vhost, incident.subject_kind, incident.detail) == (
        "team",
        "vhost",
        "stopped on b",
    )


def test_drift_of_some_kinds_only(clock, rule) -> None:
    made = rule("drift", parameters={"kinds": ["permission"]})
    for kind, key in (("permission", ["team", "app"]), ("policy", ["team", "cap"])):
        ManagedObject.objects.create(
            broker=clock.broker, kind=kind, key=key, spec={}, sync="drifted", reason="Changed."
        )
    clock.poll()
    evaluate(clock.broker.pk, clock.now, by_inventory=True)
    incident = AlertIncident.objects.get(rule=made)
    assert (incident.vhost, incident.subject_kind) == ("team", "object")
    assert "app" in incident.name
    ManagedObject.objects.update(sync="in_sync")
    evaluate(clock.broker.pk, clock.now, by_inventory=True)
    incident.refresh_from_db()
    assert (incident.state, incident.resolved_by) == ("resolved", "cleared")


@pytest.mark.parametrize("kind", ["links"])
def test_what_the_console_does_not_read_is_said_and_never_ok(clock, rule, kind) -> None:
    made = rule(kind, threshold=1)
    told = outcome(clock, made, nodes=[UP])
    assert "The console" in told


def test_every_type_has_figures_and_a_label_of_its_own() -> None:
    assert len({one.label for one in TYPES.values()}) == len(TYPES)
    for key, one in TYPES.items():
        assert key == one.key
        assert sum(x is not None for x in (one.columns, one.figures, one.of_console)) == 1


def test_members_that_are_down(clock, rule) -> None:
    made = rule("queue_member_down", threshold=0)
    add_queue(clock.broker, "classic", START, members=2, members_online=1)
    queue = add_queue(clock.broker, "q", START, type="quorum", members=3, members_online=3)

    def with_(**columns: Any) -> str:
        Queue.objects.filter(pk=queue.pk).update(**columns)
        return outcome(clock, made)

    assert with_() == ""
    assert with_(members_online=2) == "firing"
    incident = AlertIncident.objects.get()
    assert (incident.name, incident.value) == ("q", 1)
    assert incident.detail == "2 of 3 members are online"
    assert with_(members_online=None) == "no_data"
    assert with_(members=None, members_online=2) == "no_data"
    assert with_(members=3, members_online=3) == "resolved"
    assert with_(type="stream", members_online=0) == "firing"


def test_a_queue_that_becomes_noise_ends_its_incident(clock, rule) -> None:
    made = rule("queue_messages", threshold=5)
    add_queue(clock.broker, "celery@a.pidbox", START, ready=6)
    assert outcome(clock, made) == "firing"
    NoisePattern.objects.create(pattern="celery@*.pidbox", created_at=START)
    mark_noise(None, clock.now)
    assert outcome(clock, made) == "resolved"
    assert AlertIncident.objects.get().resolved_by == "gone"


def test_policies_of_noise_are_no_alert(clock, rule) -> None:
    made = rule("effective_policy")
    for name in ("orders", "celery@a.pidbox"):
        add_queue(clock.broker, name, START, policy="old")

    def inventory() -> dict[str, str]:
        clock.poll(60, inventory_at=clock.now)
        assert evaluate(clock.broker.pk, clock.now, by_inventory=True)
        found = AlertIncident.objects.filter(rule=made).order_by("pk")
        return dict(found.values_list("name", "state"))

    assert inventory() == {}
    Queue.objects.update(policy="new")
    assert inventory() == {"orders": "firing", "celery@a.pidbox": "firing"}
    NoisePattern.objects.create(pattern="celery@*.pidbox", created_at=START)
    mark_noise(None, clock.now)
    assert inventory() == {"orders": "firing", "celery@a.pidbox": "resolved"}


@pytest.mark.parametrize(
    ("kind", "threshold", "columns", "detail"),
    [
        ("queue_messages", 5, {"ready": 1236, "unacked": 0, "total": 1236}, "1,236 ready, 0 unacked messages"),
        ("queue_growth", 5, {"growth_5m": 12345, "total": 1234567}, "Grew by 12,345 messages in 5 minutes to 1,234,567"),
        ("queue_no_consumers", 0, {"total": 1236, "consumers": 0}, "1,236 messages, no consumers"),
        ("queue_consumers", 1, {"consumers": 1500}, "1,500 consumers"),
        (
            "queue_redelivery", 1, {"redeliver_rate": 1234.56, "deliver_rate": 2000.0},
            "Redelivers 1,234.6/s: consumers reject or lose them",
        ),
    ],
)  # fmt: skip
def test_numbers_of_queues_are_grouped(clock, rule, kind, threshold, columns, detail) -> None:
    made = rule(kind, threshold=threshold)
    queue = add_queue(clock.broker, "q", START)
    Queue.objects.filter(pk=queue.pk).update(**columns, rates_at=START)
    clock.poll(rates_at=clock.now)
    assert AlertIncident.objects.get(rule=made).detail == detail


def test_numbers_of_brokers_are_grouped(clock, rule) -> None:
    made = rule("connections", threshold=1000)
    assert outcome(clock, made, connections=12345) == "firing"
    assert AlertIncident.objects.get().detail == "12,345 connections"


def test_churn_is_judged_by_what_the_inventory_read(clock, rule) -> None:
    made = rule("connection_churn", threshold=10, parameters={"least": 50})
    assert "No inventory has read" in outcome(clock, made, connections=100)
    report = ClusterReport.objects.create(
        broker=clock.broker, read_at=START, churn={"connection_created": 2.5}
    )
    assert outcome(clock, made, connections=100) == "firing"
    incident = AlertIncident.objects.get()
    assert (incident.value, incident.detail) == (150, "2.5 connections opened a second, 100 open")
    # Few connections say nothing.
    assert outcome(clock, made, connections=40) == "resolved"
    ClusterReport.objects.update(churn=None, why={"churn": "Its statistics are disabled."})
    assert outcome(clock, made, connections=100) == "Its statistics are disabled."
    ClusterReport.objects.update(churn={"connection_created": 0.0})
    assert outcome(clock, made, connections=100) == "resolved"
    report.refresh_from_db()
    clock.now += timedelta(days=1)
    assert "out of date" in outcome(clock, made, connections=100)


def test_every_type_that_is_offered_can_be_evaluated(clock, rule) -> None:
    """What no inventory or poll reads isn't offered."""
    assert not {"stream_lag", "oldest_message", "connection_flow"} & set(TYPES)
    assert {one.type for one in STANDARD} <= set(TYPES)
    stale = AlertRule(name="Old", type="stream_lag", threshold=1, enabled=True)
    stale.save()
    assert "knows no rules of type" in outcome(clock, stale)


@pytest.mark.parametrize("key", list(TYPES))
def test_a_subtitle_says_the_type_and_what_an_alert_is_about(key: str) -> None:
    label, _, about = TYPES[key].subtitle.partition(". ")
    assert label == TYPES[key].label
    assert about.startswith(("One alert for each ", "About the console"))
