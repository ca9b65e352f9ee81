"""Who may poll, when, and that nobody else writes meanwhile. Real Postgres, no broker."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from console.models import BrokerStatus
from console.rabbitmq.types import QueueDepth
from vhosts.models import KnownSpan, Poll, Queue, RecentSnapshot
from vhosts.polling import backoff, dispatch
from vhosts.polling.depths.collect import Depths
from vhosts.polling.depths.rows import Slot
from vhosts.polling.store import Fenced, Outcome, store

NOW = datetime.now(UTC).replace(microsecond=0)


def set_status(broker: Any, **columns: Any) -> None:
    BrokerStatus.objects.filter(pk=broker.pk).update(**columns)


def depths(*items: tuple[str, int | None], complete: bool = True) -> Depths:
    rows = [
        QueueDepth("/", name, ready, None if ready is None else 0, ready) for name, ready in items
    ]
    known = [ready for _, ready in items if ready is not None]
    return Depths("totals", rows, complete, True, len(rows), sum(known), 0)


def stored(broker: Any, claim: int, at: datetime, found: Depths | None) -> Outcome:
    set_status(broker, claim=claim)
    outcome = Outcome(
        status={"state": "reachable"},
        poll={
            "source": "totals",
            "complete": found is not None and found.complete,
            "started_at": at,
            "took_ms": 1,
        },
        depths=found,
    )
    store(Slot(broker.pk, claim, at, 10), outcome, now=at)
    return outcome


@pytest.mark.django_db
def test_a_due_broker_is_claimed_once_and_again_after_its_interval(broker_row) -> None:
    broker = broker_row(now=NOW)
    first = dispatch.claim_due_polls(NOW)
    assert [(due.broker_id, due.claim) for due in first] == [(broker.pk, 1)]
    assert dispatch.claim_due_polls(NOW) == []
    status = BrokerStatus.objects.get(pk=broker.pk)
    assert status.slot_at.timestamp() % 10 == 0
    assert NOW - timedelta(seconds=10) < status.slot_at <= NOW
    set_status(broker, claimed_until=None)
    assert dispatch.claim_due_polls(NOW) == []
    assert len(dispatch.claim_due_polls(NOW + timedelta(seconds=16))) == 1


@pytest.mark.django_db
def test_a_lost_message_costs_no_more_than_its_claim(broker_row) -> None:
    broker_row(now=NOW)
    assert dispatch.claim_due_polls(NOW)
    assert dispatch.claim_due_polls(NOW + timedelta(seconds=19)) == []
    assert [due.claim for due in dispatch.claim_due_polls(NOW + timedelta(seconds=21))] == [2]


@pytest.mark.django_db
def test_a_disabled_broker_is_not_polled(broker_row) -> None:
    broker_row(now=NOW, enabled=False)
    assert dispatch.claim_due_polls(NOW) == []


@pytest.mark.django_db
def test_a_clock_that_was_set_back_does_not_stop_the_polls(broker_row) -> None:
    broker = broker_row(now=NOW)
    hence = NOW + timedelta(hours=1)
    set_status(broker, next_poll_at=hence, claimed_until=hence, slot_at=hence)
    assert len(dispatch.claim_due_polls(NOW)) == 1
    assert BrokerStatus.objects.get(pk=broker.pk).slot_at <= NOW


@pytest.mark.django_db(transaction=True)
def test_two_beats_at_once_claim_each_broker_once(broker_row) -> None:
    brokers = {broker_row(now=NOW).pk for _ in range(20)}
    claimed: list[int] = []
    barrier = threading.Barrier(4)

    def dispatch_once() -> None:
        barrier.wait()
        claimed.extend(due.broker_id for due in dispatch.claim_due_polls(NOW))
        connection.close()

    threads = [threading.Thread(target=dispatch_once) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed) == sorted(brokers)


@pytest.mark.django_db
def test_a_zombie_poll_writes_nothing(broker_row) -> None:
    broker = broker_row(now=NOW)
    stored(broker, 1, NOW, depths(("a", 1)))
    set_status(broker, claim=3)
    late = Outcome(
        status={"state": "unreachable", "queues": 99},
        poll={"source": "totals", "complete": True, "started_at": NOW, "took_ms": 1},
        depths=depths(("a", 5), ("b", 5)),
    )
    with pytest.raises(Fenced):
        store(Slot(broker.pk, 2, NOW + timedelta(seconds=10), 10), late, now=NOW)
    assert list(Queue.objects.values_list("name", "ready")) == [("a", 1)]
    assert Poll.objects.count() == 1
    assert BrokerStatus.objects.get(pk=broker.pk).state == "reachable"


@pytest.mark.django_db
def test_only_changes_are_kept_and_missing_is_not_zero(broker_row) -> None:
    broker = broker_row(now=NOW)
    at = [NOW + timedelta(seconds=10 * number) for number in range(5)]
    assert stored(broker, 1, at[0], depths(("a", 1), ("b", 0))).changed == 2
    assert stored(broker, 2, at[1], depths(("a", 1), ("b", 0))).changed == 0
    assert stored(broker, 3, at[2], depths(("a", None), ("b", 0))).changed == 1
    assert stored(broker, 4, at[3], depths(("b", 0))).changed == 0
    assert stored(broker, 5, at[4], depths(("a", 0), ("b", 0))).changed == 1
    a = Queue.objects.get(name="a")
    rows = RecentSnapshot.objects.filter(queue_id=a.pk).order_by("at").values_list("at", "ready")
    assert list(rows) == [(at[0], 1), (at[2], None), (at[4], 0)]
    assert KnownSpan.objects.get(broker=broker).last_at == at[4]


@pytest.mark.django_db
def test_an_empty_answer_makes_depths_unknown_and_wipes_nothing(broker_row) -> None:
    broker = broker_row(now=NOW)
    stored(broker, 1, NOW, depths(*[(f"q{number}", 1) for number in range(30)]))
    outcome = stored(broker, 2, NOW + timedelta(seconds=10), depths())
    assert outcome.inventory_wanted
    assert Queue.objects.present().count() == 30
    assert not Queue.objects.exclude(ready=None).exists()


@pytest.mark.django_db
def test_a_queue_that_an_incomplete_listing_lacks_has_an_unknown_depth(broker_row) -> None:
    broker = broker_row(now=NOW)
    stored(broker, 1, NOW, depths(("a", 1), ("b", 2)))
    stored(broker, 2, NOW + timedelta(seconds=10), depths(("a", 4), complete=False))
    assert sorted(Queue.objects.values_list("name", "ready")) == [("a", 4), ("b", None)]
    lacking = Queue.objects.get(name="b")
    assert (lacking.last_ready, lacking.gone_at) == (2, None)
    assert KnownSpan.objects.get(broker=broker).last_at == NOW


@pytest.mark.django_db
def test_a_gap_between_polls_opens_a_new_span(broker_row) -> None:
    broker = broker_row(now=NOW)
    for claim, seconds in enumerate((0, 10, 30, 90, 100), 1):
        stored(broker, claim, NOW + timedelta(seconds=seconds), depths(("a", 1)))
    spans = KnownSpan.objects.filter(broker=broker).order_by("from_at")
    assert [
        ((span.from_at - NOW).total_seconds(), (span.until_at - NOW).total_seconds())
        for span in spans
    ] == [(0, 40), (90, 110)]


@pytest.mark.django_db
def test_history_goes_on_where_no_partition_was_made(broker_row) -> None:
    broker = broker_row(now=NOW)
    far = NOW + timedelta(days=40)
    stored(broker, 1, far, depths(("a", 1)))
    assert RecentSnapshot.objects.get().at == far


def test_back_off_doubles_to_its_limit_and_a_refused_log_in_waits_longer() -> None:
    def seconds(failures: int, *, refused: bool) -> float:
        wait = backoff.delay(failures, refused=refused, interval_s=10, salt=1)
        return wait.total_seconds()

    assert 4.5 <= seconds(1, refused=False) <= 5.5
    assert seconds(1, refused=False) < seconds(2, refused=False) < seconds(3, refused=False)
    assert all(54 <= seconds(failures, refused=False) <= 66 for failures in (5, 20, 1000))
    assert 54 <= seconds(1, refused=True) <= 66
    assert all(810 <= seconds(failures, refused=True) <= 990 for failures in (5, 50))
    hourly = backoff.delay(3, refused=False, interval_s=3600, salt=1)
    assert hourly >= timedelta(minutes=25)
