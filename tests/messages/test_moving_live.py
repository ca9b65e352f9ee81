"""Messages are moved, copied and deleted on a real broker, and none is lost."""

from __future__ import annotations

from typing import Any

import pytest

from console.errors import NotAllowed
from console.models import AuditEntry
from console.rabbitmq.amqp.connection import connected
from console.rabbitmq.amqp.message import Message
from console.rabbitmq.amqp.properties.exact import properties_of
from console.rabbitmq.amqp.properties.fields import Typed
from console.rabbitmq.amqp.properties.fingerprint import fingerprint
from tests.messages.moving import Mover
from vhosts.messages.moving.model import MessageOutcome
from vhosts.messages.moving.places import Place, Selection, Target
from vhosts.messages.moving.running.endpoint import messages_endpoint
from vhosts.messages.moving.start import change_rate, pause, resume, start_move, stop

TYPES = ("classic", "quorum")


def _numbers(count: int, start: int = 0) -> list[str]:
    return [f"m{number}" for number in range(start, start + count)]


def _counts(job: Any) -> tuple[Any, ...]:
    return job.state, job.confirmed, job.returned, job.refused, job.twice, job.unknown


@pytest.mark.parametrize("source_type", TYPES)
@pytest.mark.parametrize("target_type", TYPES)
def test_all_messages_are_moved_in_order(mover: Mover, source_type: str, target_type: str) -> None:
    mover.vhost.declare("a", **{"x-queue-type": source_type})
    mover.vhost.declare("b", **{"x-queue-type": target_type})
    mover.put("a", *_numbers(450))
    job = mover.do("a", "b")
    assert _counts(job) == ("done", 450, 0, 0, 0, 0)
    assert job.frozen == job.selected == 450
    assert mover.ready("a") == 0
    assert mover.bodies("b") == _numbers(450)


def test_the_first_messages_are_moved(mover: Mover) -> None:
    mover.vhost.declare("a")
    mover.vhost.declare("b")
    mover.put("a", *_numbers(30))
    assert mover.do("a", "b", selection=Selection.first(10)).confirmed == 10
    assert mover.bodies("b") == _numbers(10)
    assert mover.bodies("a") == _numbers(20, 10)


@pytest.mark.parametrize("of_type", TYPES)
def test_those_that_match_are_moved_and_the_others_keep_their_order(
    mover: Mover, of_type: str
) -> None:
    mover.vhost.declare("a", **{"x-queue-type": of_type})
    mover.vhost.declare("b")
    for number in range(40):
        mover.put("a", f"m{number}", headers={"kind": "bad" if number % 4 == 0 else "good"})
    job = mover.do("a", "b", selection=Selection.matching({"header": "kind=bad"}))
    assert (job.state, job.confirmed, job.skipped) == ("done", 10, 30)
    assert mover.bodies("b") == [f"m{number}" for number in range(0, 40, 4)]
    assert mover.bodies("a") == [f"m{number}" for number in range(40) if number % 4]


def test_chosen_messages_are_moved_as_often_as_they_were_chosen(mover: Mover) -> None:
    mover.vhost.declare("a")
    mover.vhost.declare("b")
    mover.put("a", "x", "y", "x", "x", "z")
    chosen = fingerprint(Message("", "a", False, properties_of({}), b"x"))
    job = mover.do("a", "b", selection=Selection.chosen({chosen: 2}))
    assert (job.state, job.confirmed) == ("done", 2)
    assert mover.bodies("b") == ["x", "x"]
    assert mover.bodies("a") == ["y", "x", "z"]


def test_a_copy_leaves_everything_where_it_is(mover: Mover) -> None:
    mover.vhost.declare("a")
    mover.vhost.declare("b")
    mover.put("a", *_numbers(500))
    assert _counts(mover.do("a", "b", "copy")) == ("done", 500, 0, 0, 0, 0)
    assert mover.bodies("b") == _numbers(500)
    assert mover.bodies("a") == _numbers(500)


def test_a_deletion_takes_only_what_it_selects(mover: Mover) -> None:
    mover.vhost.declare("a")
    mover.put("a", *_numbers(30))
    job = mover.do("a", None, "delete", Selection.first(12))
    assert (job.state, job.deleted, job.confirmed) == ("done", 12, 0)
    assert mover.bodies("a") == _numbers(18, 12)


def test_a_stream_is_copied_up_to_its_end_then(mover: Mover) -> None:
    mover.vhost.declare("s", **{"x-queue-type": "stream"})
    mover.vhost.declare("b")
    mover.put("s", *_numbers(300))
    _see(mover, "s", "stream")
    job = mover.do("s", "b", "copy")
    assert _counts(job) == ("done", 300, 0, 0, 0, 0)
    assert mover.bodies("b") == _numbers(300)
    refused = mover.do("s", "b")
    assert refused.state == "failed"
    assert "stream" in refused.note


def test_the_first_messages_of_a_stream_are_copied(mover: Mover) -> None:
    mover.vhost.declare("s", **{"x-queue-type": "stream"})
    mover.vhost.declare("b")
    mover.put("s", *_numbers(30))
    _see(mover, "s", "stream")
    assert mover.do("s", "b", "copy", Selection.first(7)).confirmed == 7
    assert mover.bodies("b") == _numbers(7)


def test_what_is_not_routed_stays_at_the_source(mover: Mover) -> None:
    """AC-123"""
    mover.vhost.declare("a")
    mover.vhost.declare("b")
    mover.vhost.channel.exchange_declare("x", "direct")
    mover.vhost.channel.queue_bind("b", "x", "yes")
    for number in range(9):
        mover.put("a", f"m{number}")
    job = mover.do("a", Target(mover.broker, mover.vhost.name, "x", "no"))
    assert _counts(job) == ("done", 0, 9, 0, 0, 0)
    assert mover.bodies("a") == _numbers(9)
    row = MessageOutcome.objects.filter(job=job).first()
    assert row is not None
    assert (row.outcome, row.reason) == ("returned", "NO_ROUTE")


def test_what_the_target_refuses_stays_at_the_source(mover: Mover) -> None:
    mover.vhost.declare("a")
    mover.vhost.declare("b", **{"x-max-length": 3, "x-overflow": "reject-publish"})
    mover.put("a", *_numbers(10))
    job = mover.do("a", "b")
    assert job.confirmed + job.refused == 10
    assert job.refused > 0
    assert len(mover.bodies("a")) == job.refused
    assert len(mover.bodies("b")) == job.confirmed


def test_a_target_that_does_not_exist_ends_the_job(mover: Mover) -> None:
    mover.vhost.declare("a")
    mover.put("a", "x")
    job = mover.do("a", Target(mover.broker, mover.vhost.name, "nowhere", "k"))
    assert (job.state, job.note) == ("failed", "The target has no exchange nowhere.")
    assert mover.bodies("a") == ["x"]


def test_a_source_that_does_not_exist_ends_the_job(mover: Mover) -> None:
    mover.vhost.declare("b")
    assert mover.do("nothing", "b").state == "failed"


def test_a_move_into_its_own_queue_ends(mover: Mover) -> None:
    mover.vhost.declare("a")
    mover.put("a", *_numbers(50))
    job = mover.do("a", "a")
    assert job.state == "done"
    assert job.confirmed == 50
    assert sorted(mover.bodies("a")) == sorted(_numbers(50))


def test_dead_letters_go_back_to_where_they_were_first_published(mover: Mover) -> None:
    channel = mover.vhost.channel
    channel.exchange_declare("orders", "topic")
    mover.vhost.declare("dead")
    mover.vhost.declare(
        "work", **{"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"}
    )
    channel.queue_bind("work", "orders", "order.#")
    mover.put("order.new", "one", exchange="orders", headers={"CC": ["order.cc"], "n": 5})
    method, _, _ = channel.basic_get("work")
    channel.basic_reject(method.delivery_tag, requeue=False)
    _until(lambda: mover.ready("dead") == 1)
    job = mover.do("dead", Target(mover.broker, mover.vhost.name, None), purpose="replay")
    assert (job.state, job.confirmed) == ("done", 1)
    [(method, properties, body)] = mover.taken("work")
    assert (method.exchange, method.routing_key, body) == ("orders", "order.new", b"one")
    headers = properties.headers
    assert headers["x-warren-death"][0]["reason"] == "rejected"
    assert headers["x-warren-first-death-queue"] == "work"
    assert headers["x-warren-moves"] == 1
    assert headers["n"] == 5
    assert not {"x-death", "CC", "x-first-death-queue"} & set(headers)


def test_every_other_header_keeps_its_type(mover: Mover) -> None:
    mover.vhost.declare("a")
    mover.vhost.declare("b")
    table = [
        ("short", Typed("s", 7)), ("byte", Typed("b", -1)), ("double", Typed("d", 0.25)),
        ("long", Typed("l", 1)), ("late", Typed("T", 2**40)), ("raw", Typed("x", b"\xff")),
        ("table", Typed("F", [("in", Typed("I", 3))])), ("none", Typed("V", None)),
    ]  # fmt: skip
    sent = properties_of({"expiration": "600000", "priority": 4, "delivery_mode": 2}, table)
    with connected(messages_endpoint(mover.broker, mover.vhost.name)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.basic_publish("", "a", b"\xff\0", sent)
        mover.do("a", "b", keep_expiration=False)
        _, found, body = channel.basic_get("b", auto_ack=True)
    assert body == b"\xff\0"
    own = {"x-warren-job", "x-warren-moves", "x-warren-expiration"}
    assert [(n, t) for n, t in found.fields if n not in own] == table
    assert own <= set(found.header_names)
    assert (found.expiration, found.priority, found.delivery_mode) == (None, 4, 2)


def test_a_user_id_of_somebody_else_is_kept_as_a_header(mover: Mover) -> None:
    mover.vhost.declare("a")
    mover.vhost.declare("b")
    mover.put("a", "x", user_id=mover.vhost.live.username)
    assert mover.do("a", "b").confirmed == 1
    assert mover.taken("b")[0][1].user_id == mover.vhost.live.username


def test_a_job_is_paused_slowed_down_resumed_and_stopped(mover: Mover) -> None:
    mover.vhost.declare("a")
    mover.vhost.declare("b")
    mover.put("a", *_numbers(60))
    job = mover.start("a", "b", rate=20)

    def pause_it(point: str) -> None:
        if point == "confirmed":
            job.refresh_from_db()
            if job.confirmed >= 10 and not job.pause_requested:
                pause(job, mover.actor)

    mover.run(job, pause_it)
    assert job.state == "paused"
    assert 10 <= job.confirmed < 60
    assert mover.ready("a") == 60 - job.confirmed
    resume(job, mover.actor)
    change_rate(job, mover.actor, None)

    def stop_it(point: str) -> None:
        if point == "stored":
            stop(job, mover.actor)

    mover.run(job, stop_it)
    assert job.state == "stopped"
    assert mover.ready("a") + mover.ready("b") == 60
    actions = set(AuditEntry.objects.values_list("action", flat=True))
    assert {
        "messages:move", "message_jobs:pause", "message_jobs:resume", "message_jobs:limit",
        "message_jobs:stop", "message_jobs:end",
    } <= actions  # fmt: skip


def test_rights_are_judged_when_it_is_requested_and_when_it_runs(
    mover: Mover, django_user_model: Any
) -> None:
    mover.vhost.declare("a")
    mover.vhost.declare("b")
    mover.put("a", "x")
    nobody = django_user_model.objects.create_user("nobody")
    with pytest.raises(NotAllowed):
        start_move(
            nobody,
            source=Place(mover.broker, mover.vhost.name, "a"),
            target=Target.queue(mover.broker, mover.vhost.name, "b"),
            mode="move",
            selection=Selection.all(),
        )
    job = mover.start("a", "b")
    mover.actor.is_superuser = False
    mover.actor.save()
    mover.run(job)
    assert job.state == "failed"
    assert "messages:move" in job.note
    assert mover.bodies("a") == ["x"]


def test_the_same_key_is_the_same_job(mover: Mover) -> None:
    first = mover.start("a", "b", idempotency_key="once")
    assert mover.start("a", "b", idempotency_key="once").pk == first.pk


def test_looking_for_matches_again_and_again_loses_nothing(mover: Mover) -> None:
    """Each pass returns the messages that stay, which counts in a quorum queue before 4.3."""
    mover.vhost.declare("dead")
    mover.vhost.declare(
        "a",
        **{
            "x-queue-type": "quorum", "x-delivery-limit": 8, "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": "dead",
        },
    )  # fmt: skip
    mover.put("a", *_numbers(5))
    _see(mover, "a", "quorum", {"x-delivery-limit": 8})
    nothing = Selection.matching({"key": "nothing has this key"})
    states = [mover.do("a", "dead", selection=nothing).state for _ in range(12)]
    assert states[0] == "done"
    assert mover.ready("dead") == 0
    assert mover.do("a", "dead").confirmed == 5
    assert mover.bodies("dead") == _numbers(5)


def _see(mover: Mover, name: str, of_type: str, arguments: Any = None) -> None:
    from datetime import UTC, datetime

    from tests.factories import add_queue

    add_queue(
        mover.broker, name, datetime.now(UTC), vhost=mover.vhost.name, type=of_type,
        arguments=arguments or {},
    )  # fmt: skip


def _until(met: Any) -> None:
    import time

    until = time.monotonic() + 30
    while not met():
        assert time.monotonic() < until
        time.sleep(0.05)
