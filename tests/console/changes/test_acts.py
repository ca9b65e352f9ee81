"""An act, such as purging a queue: accepted like any change, sent at most once, and its object stays
unmanaged."""

from __future__ import annotations

import time
from datetime import timedelta
from urllib.error import HTTPError

import pytest
from django.contrib.auth import get_user_model

from console.engine.drift import note_drift
from console.engine.proposals.retry import CONFIRMED, RETRIED, NothingLeft, ask_again, stop_change
from console.errors import IdempotencyMismatch
from console.models import Attempt, AuditEntry, ManagedObject, Step
from console.rabbitmq.errors import ConnectionLost
from tests.console.changes.test_crashes import (
    die_at,
    kill_while_held,
    let_the_lease_run_out,
    outcomes,
    reach_by,
)
from tests.engine import utc_now
from tests.faults.gate import Gate

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]


@pytest.fixture
def queue(scratch_vhost):
    """A queue with 5 messages: (virtual host, name)."""
    scratch_vhost.declare("orders")
    scratch_vhost.publish("orders", 5)
    return (scratch_vhost.name, "orders")


@pytest.fixture
def ready(scratch_vhost):
    def count(name="orders"):
        """The exact number: the management API's is up to 5 s old."""
        return scratch_vhost.channel.queue_declare(name, passive=True).method.message_count

    return count


def step_of(change):
    change.refresh_from_db()
    return change.steps.select_related("target").get()


def until_counted(live_broker, queue, number):
    for _ in range(60):
        row = live_broker.call("GET", "queues", *queue)
        if row.get("messages_ready") == number and row.get("messages_unacknowledged") is not None:
            return
        time.sleep(0.25)
    raise AssertionError("RabbitMQ never counted the messages")


def test_a_purge_is_sent_once_and_its_result_is_told(
    engine, queue, ready, live_broker, scratch_vhost
):
    """AC-077: only ready messages are purged."""
    scratch_vhost.channel.basic_qos(prefetch_count=2)
    scratch_vhost.channel.basic_get("orders")
    scratch_vhost.channel.basic_get("orders")
    until_counted(live_broker, queue, 3)
    change = engine.ask_act("purge", "queue", queue)
    assert (change.steps.get().op, change.steps.get().state) == ("purge", "pending")
    assert ready() == 3, "nothing is sent before a worker comes"
    assert engine.apply() == 1
    step = step_of(change)
    assert (change.state, step.state, step.error_code) == ("done", "applied", "")
    assert step.result == (
        "Deleted 3 ready messages, as counted before. 2 unacked messages stay with the queue's "
        "consumers."
    )
    assert ready() == 0
    assert outcomes() == ["ok"]
    assert AuditEntry.objects.get(action="queue:purge").target == " / ".join(queue)


def test_a_queue_that_is_missing_and_a_stream_are_refused_before_anything_is_sent(
    engine, live_broker, scratch_vhost
):
    """AC-077, AC-078: there is nothing to purge, or RabbitMQ can't."""
    scratch_vhost.declare("log", **{"x-queue-type": "stream"})
    with Gate(live_broker.url) as gate:
        reach_by(engine, gate.url)
        missing = step_of(engine_do(engine, "purge", (scratch_vhost.name, "nothing")))
        stream = step_of(engine_do(engine, "purge", (scratch_vhost.name, "log")))
        assert gate.writes == []
    assert missing.state == stream.state == "rejected"
    assert missing.error_detail == f"The queue nothing in {scratch_vhost.name} doesn't exist."
    assert "can't purge a stream" in stream.error_detail


def test_a_stream_is_never_purged(live_broker, scratch_vhost):
    """AC-078: RabbitMQ's own answer, which the console gives first."""
    scratch_vhost.declare("log", **{"x-queue-type": "stream"})
    with pytest.raises(HTTPError) as refused:
        live_broker.call("DELETE", "queues", scratch_vhost.name, "log", "contents")
    assert refused.value.code == 400
    assert b"not supported by stream queues" in refused.value.read()


def engine_do(engine, act, *keys, **more):
    change = engine.ask_act(act, "queue", *keys, **more)
    engine.apply()
    return change


def test_its_object_stays_unmanaged_and_a_desired_state_is_left_alone(engine, queue, scratch_vhost):
    engine_do(engine, "purge", queue)
    row = ManagedObject.objects.get(kind="queue")
    assert (row.sync, row.spec, row.generation) == ("retired", None, 0)
    note_drift(engine.broker, "queue", {queue: {"durable": True}}, complete=True, now=utc_now())
    row.refresh_from_db()
    assert (row.sync, row.drift) == ("retired", [])
    managed = (scratch_vhost.name, "mine")
    engine.do(("queue", managed, {"durable": True}))
    before = ManagedObject.objects.values().get(key=list(managed))
    engine_do(engine, "purge", managed)
    assert ManagedObject.objects.values().get(key=list(managed)) == before


def test_the_same_key_gives_the_first_change_and_another_request_is_refused(
    engine, queue, scratch_vhost
):
    first = engine.ask_act("purge", "queue", queue, key="k")
    assert engine.ask_act("purge", "queue", queue, key="k") == first
    with pytest.raises(IdempotencyMismatch):
        engine.ask_act("purge", "queue", (scratch_vhost.name, "others"), key="k")
    assert Step.objects.count() == 1


def test_a_right_that_was_taken_away_is_noticed_before_it_is_sent(engine, queue, ready):
    change = engine.ask_act("purge", "queue", queue)
    get_user_model().objects.update(is_superuser=False)
    engine.apply()
    step = step_of(change)
    assert (step.state, step.error_code) == ("rejected", "not_allowed")
    assert ready() == 5


def test_it_can_be_stopped_before_it_is_sent_and_retried(engine, queue, ready, superuser):
    change = engine.ask_act("purge", "queue", queue)
    stop_change(change, now=utc_now(), acting_user=superuser)
    engine.apply()
    assert step_of(change).state == "stopped"
    assert ready() == 5
    again = ask_again(
        change, RETRIED, seen=lambda *_: {}, origin="api", now=utc_now(), acting_user=superuser
    )
    engine.apply()
    assert step_of(again).state == "applied"
    assert ready() == 0


def test_more_messages_than_confirmed_need_a_new_confirmation(
    engine, queue, ready, live_broker, scratch_vhost, superuser
):
    scratch_vhost.publish("orders", 200)
    until_counted(live_broker, queue, 205)
    change = engine_do(engine, "purge", queue, guard={"messages_ready": 5})
    step = step_of(change)
    assert (step.state, step.guard) == ("needs_confirmation", {"messages_ready": 205})
    assert step.error_detail == (
        "It holds 205 ready messages now; the purge was confirmed with 5 ready messages. Confirm "
        "this purge again."
    )
    assert ready() == 205
    again = ask_again(
        change, CONFIRMED, seen=lambda *_: {}, origin="api", now=utc_now(), acting_user=superuser
    )
    engine.apply()
    assert step_of(again).state == "applied"


def test_it_needs_a_new_confirmation_after_an_hour(engine, queue, ready):
    change = engine.ask_act("purge", "queue", queue)
    Step.objects.update(not_after=utc_now() - timedelta(seconds=1))
    engine.apply()
    step = step_of(change)
    assert (step.state, step.error_code) == ("needs_confirmation", "too_late")
    assert "Confirm this purge again" in step.error_detail
    assert ready() == 5


def test_it_waits_for_the_creation_of_its_queue(engine, scratch_vhost):
    key = (scratch_vhost.name, "later")
    created = engine.ask(("queue", key, {"durable": True}))
    purged = engine.ask_act("purge", "queue", key)
    engine.apply()
    assert step_of(created).state == step_of(purged).state == "applied"


# Crash points: it is never sent twice, and never shown as applied unless RabbitMQ said so.


def test_death_before_the_commit_of_a_request_leaves_nothing(engine, queue, ready):
    die_at("before-accept-commit", lambda: engine.ask_act("purge", "queue", queue, key="k"))
    assert not Step.objects.exists()
    assert not ManagedObject.objects.exists()
    assert ready() == 5


def test_death_before_the_answer_keeps_the_change(engine, queue):
    die_at("after-accept-commit", lambda: engine.ask_act("purge", "queue", queue, key="k"))
    assert engine.ask_act("purge", "queue", queue, key="k").steps.count() == 1
    assert Step.objects.count() == 1


#: Where, whether RabbitMQ has purged by then, and what becomes of the step.
POINTS = [
    pytest.param("after-claim", False, "applied", id="after-claim"),
    pytest.param("after-attempt", False, "unknown", id="after-attempt"),
    pytest.param("before-call", False, "unknown", id="before-call"),
    pytest.param("after-call", True, "unknown", id="after-call"),
    pytest.param("after-read-back", True, "unknown", id="before-commit"),
    pytest.param("after-commit", True, "applied", id="after-commit"),
]


@pytest.mark.parametrize(("point", "purged", "ends"), POINTS)
def test_a_worker_dies_and_it_is_never_sent_again(
    point, purged, ends, engine, queue, ready, live_broker, scratch_vhost
):
    change = engine.ask_act("purge", "queue", queue)
    with Gate(live_broker.url) as gate:
        reach_by(engine, gate.url)
        die_at(point, engine.apply)
        assert (ready() == 0) is purged
        if point != "after-commit":
            assert step_of(change).state in ("pending", "verifying"), "no phantom outcome"
        scratch_vhost.publish("orders", 3)
        let_the_lease_run_out()
        engine.hurry()
        engine.apply()
    step = step_of(change)
    assert step.state == ends
    assert change.state == {"applied": "done", "unknown": "unknown"}[ends]
    if ends == "unknown":
        assert "may or may not have done it" in step.error_detail
        assert ready() == (3 if purged else 8)
        assert [attempt.outcome for attempt in Attempt.objects.all()] == [""]
        with pytest.raises(NothingLeft):
            ask_again(
                change, RETRIED, seen=lambda *_: {}, origin="api", now=utc_now(),
                acting_user=engine.author,
            )  # fmt: skip


@pytest.mark.parametrize("hold", ["request", "answer"])
def test_a_killed_worker_leaves_an_unknown_outcome_and_no_second_call(
    hold, engine, queue, live_broker
):
    change = engine.ask_act("purge", "queue", queue)
    with Gate(live_broker.url, hold=hold) as gate:
        reach_by(engine, gate.url)
        kill_while_held(gate, engine.apply)
        let_the_lease_run_out()
        reach_by(engine, live_broker.url)
        engine.hurry()
        engine.apply()
        assert step_of(change).state == "unknown"
        gate.open()
        assert gate.passed.wait(10)
        assert len(gate.writes) == 1


def test_a_lost_reply_ends_as_unknown_and_the_rest_waits(
    engine, queue, live_broker, scratch_vhost, monkeypatch
):
    """The acts that weren't sent stay pending, and are sent when the broker answers again."""
    monkeypatch.setattr("console.engine.order._ACTS", 1)
    scratch_vhost.declare("second")
    real = "console.engine.applying.broker_objects.BrokerObjects.send"

    def lost(store, call):
        raise ConnectionLost

    with monkeypatch.context() as patched:
        patched.setattr(real, lost)
        change = engine.ask_act("purge", "queue", queue, (scratch_vhost.name, "second"))
        engine.apply()
    states = list(change.steps.values_list("state", flat=True))
    assert states == ["unknown", "pending"]
    engine.hurry()
    engine.apply()
    change.refresh_from_db()
    assert list(change.steps.values_list("state", flat=True)) == ["unknown", "applied"]
    assert change.state == "unknown"


def test_a_broker_that_is_down_gets_it_later(engine, queue, ready, live_broker):
    change = engine.ask_act("purge", "queue", queue)
    reach_by(engine, "http://127.0.0.1:1")
    engine.apply()
    assert step_of(change).state == "pending"
    assert outcomes() == ["unreachable"]
    reach_by(engine, live_broker.url)
    engine.hurry()
    engine.apply()
    assert step_of(change).state == "applied"
    assert ready() == 0
