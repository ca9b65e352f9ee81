"""The statement that stores rates, growth and conditions: the right rows, and no others."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console.models import BrokerStatus
from console.rabbitmq.prometheus.rates import QueueRates, Rates
from tests.factories import add_broker, add_queue
from tests.vhosts.test_queue_conditions import _RATES, _ROWS
from vhosts.models import KnownSpan, Queue, QueueRate
from vhosts.polling.depths.rows import Slot
from vhosts.polling.rates import take
from vhosts.polling.rates.queues import Traffic, store_queues
from vhosts.queues.health.conditions import worst
from vhosts.queues.health.facts import facts_of
from vhosts.queues.health.judge import judge_queues

pytestmark = pytest.mark.django_db

_NEW = st.fixed_dictionaries({
    "row": _ROWS,
    "traffic": st.none() | st.tuples(*[_RATES.map(lambda rate: rate or 0.0)] * 5),
    "gone": st.sampled_from([False, False, False, True]),
})  # fmt: skip


def _store(broker: Any, at: Any, rates: Rates | None, *, depths_read: bool = False) -> None:
    slot = Slot(broker.pk, 0, at, 10)
    BrokerStatus.objects.filter(pk=broker.pk).update(rates_at=at if rates else None)
    with connection.cursor() as cursor:
        traffic = Traffic(rates, at - timedelta(seconds=10) if rates else None)
        store_queues(cursor, slot, traffic, depths_read=depths_read, now=at)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(queues=st.lists(_NEW, min_size=12, max_size=12), known=st.booleans())
def test_after_a_poll_every_queue_has_its_rates_and_its_worst_condition(
    queues: list[Any], known: bool, now: Any
) -> None:
    Queue.objects.all().delete()
    broker = Queue.broker.get_queryset().filter(name="any").first() or add_broker("any", now)
    for number, queue in enumerate(queues):
        row = dict(queue["row"])
        waited = row.pop("waited")
        since = None if waited is None else now - timedelta(seconds=waited)
        gone = now if queue["gone"] else None
        add_queue(broker, f"q{number}", now, undelivered_since=since, gone_at=gone, **row)
    judge_queues(broker.pk, now)
    later = now + timedelta(seconds=30)
    rates = Rates()
    for number, queue in enumerate(queues):
        if queue["traffic"] is not None:
            rates.queues[("/", f"q{number}")] = QueueRates(*queue["traffic"])
    _store(broker, later, rates if known else None)
    for queue in Queue.objects.filter(broker=broker):
        row = queues[int(queue.name[1:])]
        now_rates = (
            queue.publish_rate, queue.deliver_rate, queue.ack_rate, queue.redeliver_rate, queue.get_rate,
        )  # fmt: skip
        if not known or row["gone"]:
            assert now_rates == (None,) * 5
        else:
            assert now_rates == (row["traffic"] or (0.0,) * 5)
        if not row["gone"]:
            assert queue.condition == worst(facts_of(queue, now=later)), queue.__dict__


def test_a_row_is_written_only_if_something_changes(now: Any) -> None:
    broker = add_broker("b", now)
    idle = dict.fromkeys(
        ("publish_rate", "deliver_rate", "ack_rate", "redeliver_rate", "get_rate"), 0.0
    )
    for name in ("idle", "busy", "grown"):
        add_queue(broker, name, now, ready=5, unacked=0, total=5, state="running", **idle)
    Queue.objects.filter(name="grown").update(
        depth_changed_at=now, first_seen_at=now - timedelta(hours=1), growth_5m=4
    )
    KnownSpan.objects.create(
        broker=broker,
        from_at=now - timedelta(hours=1),
        last_at=now,
        until_at=now + timedelta(hours=1),
    )
    judge_queues(broker.pk, now)
    written = []
    for minutes in (6, 7, 8):
        before = _versions()
        rates = Rates(queues={("/", "busy"): QueueRates(2.0, 0.0, 0.0, 0.0, 0.0)})
        _store(broker, now + timedelta(minutes=minutes), rates, depths_read=True)
        after = _versions()
        written.append({name for name, version in after.items() if before[name] != version})
    # 5 minutes after its last change, a queue hasn't grown, and a growth is known of all.
    assert written == [{"busy", "grown", "idle"}, set(), set()]
    assert dict(Queue.objects.values_list("name", "growth_5m")) == {
        "idle": 0,
        "busy": 0,
        "grown": 0,
    }
    busy = Queue.objects.get(name="busy").pk
    assert list(QueueRate.objects.values_list("queue_id", "publish")) == [(busy, 2.0)]


def test_where_a_span_begins_queues_whose_rates_are_unknown_say_so(now: Any) -> None:
    broker = add_broker("b", now)
    for name in ('odd"name', "plain"):
        add_queue(broker, name, now, ready=0, unacked=0, total=0)
    for minutes in (1, 20):
        _store(broker, now + timedelta(minutes=minutes), Rates(unreadable=1))
    begins = [now + timedelta(minutes=minutes, seconds=-10) for minutes in (1, 20)]
    odd = Queue.objects.get(name='odd"name').pk
    assert list(QueueRate.objects.order_by("at").values_list("queue_id", "at", "publish")) == [
        (odd, at, None) for at in begins
    ]
    assert Queue.objects.get(name="plain").publish_rate == 0


def test_if_rates_fail_the_queues_are_judged_all_the_same(
    now: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = add_broker("b", now)
    add_queue(broker, "q", now, ready=5, unacked=0, total=5, consumers=0, state="running")
    monkeypatch.setattr(take, "_take", lambda *_: 1 / 0)
    take.take_rates(Slot(broker.pk, 0, now, 10), take.Read(None, None, None, {}), now)
    assert Queue.objects.get(name="q").condition == "unconsumed"


def _versions() -> dict[str, str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, ctid::text FROM vhosts_queue")
        return dict(cursor.fetchall())
