"""Two evaluators at once, two beats, a worker that dies: each transition happens exactly once."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction

from console.models import BrokerStatus
from tests.factories import add_queue
from tests.vhosts.alerts.conftest import START, events
from vhosts.alerts.edit.rules import set_enabled
from vhosts.alerts.evaluate import passes
from vhosts.alerts.evaluate.passes import evaluate
from vhosts.alerts.evaluate.watch import end_by_time, evaluate_overdue
from vhosts.models import AlertEvaluation, AlertEvent, AlertIncident, Queue

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*actions: Any) -> None:
    """Run the actions in threads of their own, all begun at the same time."""
    barrier = Barrier(len(actions))

    def run(action: Any) -> None:
        try:
            barrier.wait()
            action()
        finally:
            connection.close()

    with ThreadPoolExecutor(len(actions)) as pool:
        for done in [pool.submit(run, action) for action in actions]:
            done.result()


def test_a_rule_that_is_switched_off_waits_for_an_evaluation_without_locking_it_out(
    clock, rule, superuser
) -> None:
    made = rule(threshold=10)
    add_queue(clock.broker, "q", START, ready=11)
    clock.poll()

    def switch_off() -> None:
        try:
            set_enabled(made.pk, False, superuser, clock.now)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool, connection.cursor() as cursor:
        with transaction.atomic():
            AlertEvaluation.objects.select_for_update().get(broker=clock.broker)
            edit = pool.submit(switch_off)
            waits = (
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                " AND datname = current_database()"
            )
            ends = time.monotonic() + 60
            while time.monotonic() < ends:
                # Within a transaction, statistics are those of its first look.
                cursor.execute("SELECT pg_stat_clear_snapshot()")
                cursor.execute(waits)
                if cursor.fetchone()[0]:
                    break
                time.sleep(0.05)
            else:
                raise AssertionError("The edit doesn't wait for the evaluation.")
            # As an incident that begins does.
            cursor.execute(
                "SELECT FROM vhosts_alertrule WHERE id = %s FOR KEY SHARE NOWAIT", [made.pk]
            )
        edit.result()
    assert AlertIncident.objects.get().resolved_by == "rule"


def test_two_workers_at_once_move_each_incident_once(clock, rule) -> None:
    for number in range(40):
        add_queue(clock.broker, f"q{number}", START, ready=0)
    rule(threshold=10)
    rule(threshold=10, message_type="total", reminder_s=60)
    for round_ in range(6):
        Queue.objects.update(ready=11 if round_ % 2 == 0 else 0, total=11 if round_ % 2 == 0 else 0)
        clock.poll(0.001 if round_ else 10)
        later = [clock.now + timedelta(milliseconds=one) for one in (500, 500, 501, 499)]
        at_once(*(lambda moment=moment: evaluate(clock.broker.pk, moment) for moment in later))  # type: ignore[misc]
        clock.now += timedelta(seconds=1)
    kinds = Counter(AlertEvent.objects.values_list("kind", flat=True))
    assert kinds == {"fired": 3 * 80, "resolved": 3 * 80}
    assert AlertIncident.objects.count() == 3 * 80


def test_evaluators_of_a_change_that_none_has_seen_yet_fire_once(clock, rule) -> None:
    for number in range(40):
        add_queue(clock.broker, f"q{number}", START, ready=11)
    rule(threshold=10)
    clock.now += timedelta(seconds=10)
    moments = [clock.now - timedelta(seconds=number) for number in range(4)]
    at_once(*(lambda moment=moment: evaluate(clock.broker.pk, moment) for moment in moments))  # type: ignore[misc]
    assert set(Counter(AlertEvent.objects.values_list("incident"))) == set(
        AlertIncident.objects.values_list("pk").values_list("pk")
    )
    assert AlertEvent.objects.count() == AlertIncident.objects.count() == 40


def test_two_beats_remind_once(clock, rule) -> None:
    add_queue(clock.broker, "orders", START, ready=11)
    rule(threshold=10, reminder_s=60)
    clock.poll()
    later = clock.now + timedelta(seconds=60)
    # Seen just now: evaluated first or last, it still fires.
    BrokerStatus.objects.update(answered_at=later, depths_at=later)
    at_once(*[lambda: end_by_time(later)] * 4, lambda: evaluate_overdue(later))
    kinds = Counter(AlertEvent.objects.values_list("kind", flat=True))
    assert kinds["reminded"] == 1


def test_a_worker_that_dies_in_an_evaluation_neither_loses_nor_doubles_anything(
    clock, rule, monkeypatch
) -> None:
    queue = add_queue(clock.broker, "orders", START, ready=11)
    rule(threshold=10)

    def die(*args: Any) -> None:
        """As if the worker, or Postgres, were killed after the transitions and before the commit."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    for state, ready in (("firing", 11), ("resolved", 0)):
        Queue.objects.filter(pk=queue.pk).update(ready=ready)
        clock.now += timedelta(seconds=10)
        with monkeypatch.context() as patch:
            patch.setattr(passes, "_note", die)
            with pytest.raises(OperationalError):
                evaluate(clock.broker.pk, clock.now)
        before = AlertEvent.objects.count()
        clock.poll(0)
        assert AlertEvent.objects.count() == before + 1
        assert AlertIncident.objects.get().state == state
    assert events(AlertIncident.objects.get()) == ["fired", "resolved"]
