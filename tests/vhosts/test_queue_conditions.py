"""The conditions of a queue: the rules, the statement that stores the worst one, and the list by harm."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console.rabbitmq.types import QueueDepth, QueueInfo, QueueNow
from tests.factories import add_broker, add_queue
from vhosts.models import Queue
from vhosts.queues.health import judge
from vhosts.queues.health.conditions import CONDITIONS, RULES, Facts, conditions_of, worst
from vhosts.queues.health.facts import facts_now, facts_of
from vhosts.queues.health.judge import judge_queues

pytestmark = pytest.mark.django_db

_RATES = st.sampled_from([None, 0.0, 0.05, 0.1, 1.0, 2.0, 2.05, 2.1, 6.4, 40.0])
_COUNTS = st.sampled_from([None, 0, 1, 9, 10, 99, 100, 120, 600, 3000])
_ROWS = st.fixed_dictionaries({
    "type": st.sampled_from(["classic", "quorum", "stream", ""]),
    "state": st.sampled_from(["", "running", "idle", "flow", "down", "minority", "crashed"]),
    "node": st.sampled_from(["", "rabbit@a"]),
    "ready": _COUNTS,
    "unacked": _COUNTS,
    "total": _COUNTS,
    "consumers": st.sampled_from([None, 0, 1, 3]),
    "publish_rate": _RATES,
    "deliver_rate": _RATES,
    "ack_rate": _RATES,
    "redeliver_rate": _RATES,
    "get_rate": _RATES,
    "growth_5m": st.sampled_from([None, -50, 0, 9, 10, 99, 100, 600, 1200]),
    "members": st.sampled_from([None, 3]),
    "members_online": st.sampled_from([None, 2, 3]),
    "max_length": st.sampled_from([None, 0, 9, 100, 3000]),
    "overflow": st.sampled_from(["", "drop-head", "reject-publish", "reject-publish-dlx"]),
    "dead_letters": st.sampled_from([None, False, True]),
    "delays": st.sampled_from([None, False, True]),
    "waited": st.sampled_from([None, 0, 59, 60, 900]),
})  # fmt: skip


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(_ROWS, min_size=12, max_size=12))
def test_the_statement_and_the_rules_agree_about_any_queue(rows: list[Any], now: Any) -> None:
    Queue.objects.all().delete()
    broker = Queue.broker.get_queryset().filter(name="any").first() or add_broker("any", now)
    for number, row in enumerate(rows):
        waited = row.pop("waited")
        since = None if waited is None else now - timedelta(seconds=waited)
        add_queue(broker, f"q{number}", now, undelivered_since=since, rates_at=since, **row)
    judge_queues(broker.pk, now)
    for queue in Queue.objects.filter(broker=broker):
        assert queue.condition == worst(facts_of(queue, now=now)), queue.__dict__


def _facts(**more: Any) -> Facts:
    return Facts(
        **{"state": "running", "ready": 5, "unacked": 0, "total": 5, "consumers": 1, **more}
    )


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({}, "well"),
        ({"ready": 0, "total": 0, "consumers": 0}, "well"),
        ({"ready": None}, ""),
        ({"state": ""}, ""),
        ({"consumers": None, "publish": 3.0}, "well"),
        ({"consumers": 0, "publish": 3.0}, "no_consumers"),
        ({"consumers": 0, "publish": 0.0}, "unconsumed"),
        # The count of consumers is older than the rates.
        ({"consumers": 0, "publish": 3.0, "deliver": 2.0}, "well"),
        ({"consumers": 0, "publish": 3.0, "get": 2.0}, "well"),
        ({"type": "stream", "consumers": 0, "publish": 3.0}, "well"),
        # Messages leave it as fast as they come: they expire, or are dropped.
        ({"consumers": 0, "publish": 3.0, "growth": 0}, "unconsumed"),
        ({"consumers": 0, "publish": 3.0, "growth": 3, "delays": True}, "well"),
        ({"undelivered_s": 59}, "well"),
        ({"undelivered_s": 60}, "stuck"),
        ({"max_length": 5, "overflow": "drop-head", "dead_letters": False}, "full"),
        (
            {"max_length": 5, "overflow": "drop-head", "dead_letters": False, "publish": 9.0, "deliver": 1.0},
            "losing",
        ),
        (
            {"max_length": 5, "overflow": "drop-head", "dead_letters": False, "publish": 9.0, "deliver": 9.0},
            "full",
        ),
        (
            {"max_length": 5, "overflow": "drop-head", "dead_letters": True, "publish": 9.0, "deliver": 1.0},
            "full",
        ),
        ({"max_length": 5, "overflow": "reject-publish", "publish": 9.0, "deliver": 1.0}, "rejecting"),
        ({"max_length": 5, "overflow": "drop-head", "publish": 9.0}, "full"),
        ({"type": "stream", "max_length": 5, "overflow": "drop-head"}, "well"),
        ({"max_length": 605, "overflow": "drop-head", "growth": 50}, "filling"),
        ({"max_length": 606, "overflow": "drop-head", "growth": 50}, "well"),
        ({"type": "quorum", "has_leader": False}, "no_leader"),
        ({"members": 3, "online": 2}, "member_down"),
        ({"members": 3, "online": 3}, "well"),
        ({"deliver": 5.0, "redeliver": 2.5}, "redelivering"),
        ({"deliver": 5.0, "redeliver": 2.4}, "well"),
        ({"deliver": 3.0, "publish": 4.0, "growth": 300, "total": 9000}, "slow_consumers"),
        ({"growth": 100, "total": 600}, "growing"),
        ({"growth": 100, "total": 601}, "well"),
        ({"state": "flow"}, "flow"),
        ({"state": "down", "ready": None}, "down"),
    ],
)  # fmt: skip
def test_what_is_worst(facts: dict[str, Any], expected: str) -> None:
    assert worst(_facts(**facts)) == expected


def test_losing_messages_comes_before_stopped_deliveries_and_those_before_what_will_break() -> None:
    harms = [RULES[name][0] for name in RULES]
    assert harms == sorted(harms, key=["lost", "stopped", "will_break"].index)
    everything = _facts(
        consumers=1, undelivered_s=99, max_length=5, overflow="drop-head", dead_letters=False,
        publish=9.0, deliver=0.0, members=3, online=2,
    )  # fmt: skip
    assert conditions_of(everything) == ["losing", "stuck", "full", "member_down"]


def test_a_condition_keeps_its_time_until_it_changes(now: Any) -> None:
    broker = add_broker("orders", now)
    queue = add_queue(broker, "work", now, consumers=0)
    assert judge_queues(broker.pk, now) == 1
    assert judge_queues(broker.pk, now + timedelta(minutes=5)) == 0
    queue.refresh_from_db()
    assert (queue.condition, queue.condition_since) == ("unconsumed", now)
    Queue.objects.update(consumers=2)
    assert judge_queues(broker.pk, now + timedelta(minutes=6)) == 1
    queue.refresh_from_db()
    assert (queue.condition, queue.condition_since) == ("well", now + timedelta(minutes=6))


def test_a_queue_is_stuck_after_a_minute_without_a_delivery_and_not_before(now: Any) -> None:
    broker = add_broker("orders", now)
    quiet = {"deliver_rate": 0.0, "ack_rate": 0.0, "get_rate": 0.0, "rates_at": now}
    queue = add_queue(broker, "work", now, **quiet)
    seen = []
    for second in (0, 30, 61):
        judge_queues(broker.pk, now + timedelta(seconds=second))
        queue.refresh_from_db()
        seen.append(queue.condition)
    assert seen == ["well", "well", "stuck"]
    assert queue.undelivered_since == now
    Queue.objects.update(ack_rate=0.2)
    judge_queues(broker.pk, now + timedelta(seconds=70))
    queue.refresh_from_db()
    assert (queue.condition, queue.undelivered_since) == ("well", None)


def test_an_idle_empty_queue_is_not_stuck_by_its_next_message(now: Any) -> None:
    broker = add_broker("orders", now)
    quiet = {"deliver_rate": 0.0, "ack_rate": 0.0, "rates_at": now, "ready": 0, "total": 0}
    queue = add_queue(broker, "work", now, **quiet)
    judge_queues(broker.pk, now)
    later = now + timedelta(hours=9)
    Queue.objects.update(ready=1, total=1, rates_at=later)
    judge_queues(broker.pk, later)
    queue.refresh_from_db()
    assert queue.condition == "well"


def test_a_message_that_nobody_published_waits_from_when_it_came(now: Any) -> None:
    """AC: a dead-lettered message counts as no publishing, so the rates stay at 0."""
    broker = add_broker("orders", now)
    quiet = {"deliver_rate": 0.0, "ack_rate": 0.0, "get_rate": 0.0, "publish_rate": 0.0}
    queue = add_queue(broker, "work", now, ready=0, total=0, rates_at=now, **quiet)
    judge_queues(broker.pk, now)
    later = now + timedelta(hours=9)
    Queue.objects.update(ready=1, total=1, depth_changed_at=later)
    judge_queues(broker.pk, later)
    queue.refresh_from_db()
    assert (queue.condition, queue.undelivered_since) == ("well", later)


def test_a_consumer_that_comes_late_is_not_stuck_at_once(now: Any) -> None:
    """AC: the inventory counts it before a poll reads what is delivered to it."""
    broker = add_broker("orders", now)
    quiet = {"deliver_rate": 0.0, "ack_rate": 0.0, "get_rate": 0.0, "publish_rate": 0.0}
    queue = add_queue(broker, "work", now, consumers=0, rates_at=now, **quiet)
    judge_queues(broker.pk, now)
    later = now + timedelta(hours=9)
    Queue.objects.update(consumers=1)
    judge_queues(broker.pk, later)
    queue.refresh_from_db()
    assert (queue.condition, queue.undelivered_since) == ("well", later)


def test_messages_that_are_fetched_now_are_not_stuck(now: Any) -> None:
    depth = QueueDepth("/", "work", 5, 0, 5, 1)
    info = QueueInfo("/", "work", "classic", "running", "a", True, False, False, {}, None, None)
    live = QueueNow(
        info=info, depth=depth, consumers=None, effective_policy=None, publish_rate=0.0,
        deliver_get_rate=2.0, ack_rate=0.0, memory=None, message_bytes=None,
        head_message_timestamp=None, idle_since=None, get_rate=2.0,
    )  # fmt: skip
    stored = _facts(deliver=0.0, ack=0.0, undelivered_s=99)
    assert worst(stored) == "stuck"
    assert worst(facts_now(stored, live)) == "well"


@pytest.mark.parametrize(("read", "expected"), [(59, "well"), (60, "stuck")])
def test_a_broker_whose_rates_stopped_is_not_judged_on_old_zeros(
    now: Any, read: int, expected: str
) -> None:
    broker = add_broker("orders", now, rates_at=now + timedelta(seconds=read))
    quiet = {"deliver_rate": 0.0, "ack_rate": 0.0, "get_rate": 0.0, "rates_at": now}
    queue = add_queue(broker, "work", now, undelivered_since=now, **quiet)
    later = now + timedelta(hours=1)
    judge_queues(broker.pk, later)
    queue.refresh_from_db()
    assert queue.condition == expected
    assert worst(facts_of(queue, now=later)) == expected


def test_a_statement_that_fails_raises_nothing(now: Any, monkeypatch: Any) -> None:
    broker = add_broker("orders", now)
    monkeypatch.setattr(judge, "_JUDGE", "SELECT 1 / 0")
    assert judge_queues(broker.pk, now) == 0
    assert Queue.objects.count() == 0  # the connection still works


def _names(page: str) -> list[str]:
    return re.findall(r'class="row-link"[^>]*><bdi class="name[^>]*>(?:<span[^>]*>)?(\w+)', page)


def test_the_list_shows_sorts_and_filters_by_harm(
    client: Any, superuser: Any, now: Any, api: Any
) -> None:
    broker = add_broker("orders", now)
    add_queue(broker, "fine", now, total=900)
    add_queue(broker, "parked", now, consumers=0)
    add_queue(broker, "dropping", now, max_length=5, overflow="drop-head", dead_letters=False,
              publish_rate=9.0, deliver_rate=1.0)  # fmt: skip
    add_queue(broker, "alone", now, consumers=0, publish_rate=2.0, growth_5m=600, total=9000)
    add_queue(broker, "lonely", now, consumers=0, publish_rate=2.0, growth_5m=900, total=9000)
    judge_queues(broker.pk, now)
    client.force_login(superuser)
    page = client.get("/queues/?sort=condition").content.decode()
    assert _names(page) == ["dropping", "lonely", "alone", "parked", "fine"]
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page))
    assert "Losing" in text
    assert "Needs attention 4" in text
    assert "No consumers 2" in text
    assert "It has reached its limit of 5 messages and drops its oldest." in page
    assert _names(client.get("/queues/?condition=no_consumers&sort=name").content.decode()) == [
        "alone", "lonely",
    ]  # fmt: skip
    assert len(_names(client.get("/queues/?condition=trouble").content.decode())) == 4
    assert _names(client.get("/queues/?condition=well").content.decode()) == ["fine"]

    found = api.get("/api/v1/queues/?ordering=condition,name").json()["results"]
    assert [one["condition"] for one in found] == [
        "losing", "no_consumers", "no_consumers", "unconsumed", "well",
    ]  # fmt: skip
    assert api.get("/api/v1/queues/?condition=trouble").json()["count"] == 4
    assert api.get("/api/v1/queues/?condition=nonsense").status_code == 400


def test_every_condition_has_a_word_an_icon_and_a_colour() -> None:
    from console.faces.templatetags._states import STATES

    assert {name for name in CONDITIONS if name} <= set(STATES)
