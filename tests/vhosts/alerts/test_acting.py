"""Acknowledge, snooze, reopen. Real Postgres."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User

from accessctl.models import Grant
from console.errors import InvalidField, NotThere
from console.models import AuditEntry
from tests.factories import add_queue
from tests.vhosts.alerts.conftest import START, events
from vhosts.alerts.acting import acknowledge, may_act_on, reopen, snooze
from vhosts.alerts.evaluate.passes import pass_time
from vhosts.alerts.evaluate.watch import end_by_time
from vhosts.models import AlertIncident, Queue

pytestmark = pytest.mark.django_db


@pytest.fixture
def firing(clock, rule) -> AlertIncident:
    add_queue(clock.broker, "orders", START, ready=11, vhost="team-a")
    rule(threshold=10, reminder_s=60)
    clock.poll()
    return AlertIncident.objects.get()


@pytest.fixture
def person(db: None) -> User:
    return User.objects.create_user("olga")


def test_an_acknowledged_incident_reminds_nobody_and_resolves_by_itself(
    clock, firing, person
) -> None:
    acknowledge(firing.pk, person, clock.now, note="on it")
    end_by_time(clock.now + timedelta(hours=1))
    clock.poll()
    firing.refresh_from_db()
    assert (firing.state, firing.acknowledged_by, firing.note) == ("acknowledged", "olga", "on it")
    assert events(firing) == ["fired", "acknowledged"]
    entry = AuditEntry.objects.get(action="alerts:acknowledged")
    assert (entry.username, entry.reason, entry.broker_name) == ("olga", "on it", "rabbit-1")
    acknowledge(firing.pk, person, clock.now, note="still on it")
    assert events(firing) == ["fired", "acknowledged"]
    Queue.objects.update(ready=0)
    clock.poll()
    assert events(firing) == ["fired", "acknowledged", "resolved"]
    with pytest.raises(NotThere, match="already resolved"):
        acknowledge(firing.pk, person, clock.now)


def test_a_reopened_incident_reminds_again(clock, firing, person) -> None:
    acknowledge(firing.pk, person, clock.now)
    reopen(firing.pk, person, clock.now)
    firing.refresh_from_db()
    assert (firing.state, firing.acknowledged_at) == ("firing", None)
    end_by_time(clock.now + timedelta(seconds=60))
    assert events(firing) == ["fired", "acknowledged", "reopened", "reminded"]


def test_a_snooze_ends_once_and_is_reported(clock, firing, person) -> None:
    until = clock.now + timedelta(minutes=10)
    snooze(firing.pk, until, person, clock.now)
    end_by_time(until - timedelta(seconds=1))
    assert events(firing) == ["fired", "snoozed"]
    end_by_time(until)
    end_by_time(until)
    firing.refresh_from_db()
    assert (firing.state, firing.snoozed_until) == ("firing", None)
    assert events(firing) == ["fired", "snoozed", "snooze_ended"]
    with pytest.raises(InvalidField):
        snooze(firing.pk, clock.now, person, clock.now)


def test_an_acknowledgement_outlasts_a_time_without_data(clock, firing, person) -> None:
    clock.fail()
    acknowledge(firing.pk, person, clock.now)
    firing.refresh_from_db()
    assert (firing.state, firing.state_before) == ("no_data", "acknowledged")
    clock.back()
    firing.refresh_from_db()
    assert firing.state == "acknowledged"


def test_a_snooze_that_ends_without_data_fires_when_data_is_back(clock, firing, person) -> None:
    snooze(firing.pk, clock.now + timedelta(seconds=100), person, clock.now)
    clock.fail()
    pass_time(clock.broker.pk, clock.now + timedelta(seconds=100))
    clock.back()
    firing.refresh_from_db()
    assert firing.state == "firing"


def test_a_pending_incident_cannot_be_acknowledged(clock, rule, person) -> None:
    add_queue(clock.broker, "orders", START, ready=11)
    rule(threshold=10, for_s=600)
    clock.poll()
    with pytest.raises(NotThere, match="hasn't fired"):
        acknowledge(AlertIncident.objects.get().pk, person, clock.now)


def test_a_grant_limits_who_sees_and_acknowledges(clock, rule, firing) -> None:
    rule("connections", threshold=5)
    clock.poll(connections=6)
    whole = AlertIncident.objects.get(subject_kind="broker")

    def granted(role: str, pattern: str) -> User:
        person = User.objects.create_user(f"{role} {pattern}")
        Grant.objects.create(
            user=person, role=role, broker=clock.broker, vhost_pattern=pattern, created_at=START
        )
        return person

    for role, pattern, seen, acts in (
        ("operator", "*", {firing, whole}, {firing, whole}),
        ("operator", "team-a*", {firing}, {firing}),
        ("operator", "team-b*", set(), set()),
        ("viewer", "*", {firing, whole}, set()),
    ):
        person = granted(role, pattern)
        assert set(AlertIncident.objects.visible_to(person)) == seen
        assert {one for one in (firing, whole) if may_act_on(person, one)} == acts
