"""Reading messages without taking them, against live brokers."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pika
import pytest

from console.rabbitmq import errors
from console.rabbitmq.amqp.connection import connected
from console.rabbitmq.amqp.reading import bounded
from console.rabbitmq.amqp.reading import peek as peeking
from console.rabbitmq.amqp.reading.peek import Bounds, Returns, peek
from console.rabbitmq.amqp.reading.streams import BloomFilter, Start, offset_of, read_stream
from console.rabbitmq.endpoint import Timeouts
from console.rabbitmq.management.messages.got import peek_by_http
from tests.adapter.conftest import LiveBroker

#: Arguments of queues that keep the place of a message that is returned.
KINDS: dict[str, dict[str, Any]] = {
    "classic": {},
    "quorum": {"x-queue-type": "quorum", "x-delivery-limit": 100},
}
TYPES = tuple(KINDS)
#: A message that comes back by a lost channel is counted on every version.
_COUNT = "x-delivery-count"


def named(broker: LiveBroker, **arguments: Any) -> str:
    return broker.declare(f"peek-{secrets.token_hex(4)}", **arguments)


def fill(broker: LiveBroker, queue: str, bodies: list[bytes], **headers: Any) -> None:
    with connected(broker.amqp) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        for body in bodies:
            properties = pika.BasicProperties(headers=headers or None, delivery_mode=2)
            channel.basic_publish("", queue, body, properties, mandatory=True)


def drain(broker: LiveBroker, queue: str) -> list[bytes]:
    """Takes all ready messages."""
    found = []
    with connected(broker.amqp) as connection:
        channel = connection.channel()
        while True:
            method, _, body = channel.basic_get(queue, auto_ack=True)
            if method is None:
                return found
            found.append(body)


@contextmanager
def unchanged(broker: LiveBroker, queue: str, bodies: list[bytes]) -> Iterator[None]:
    yield
    assert drain(broker, queue) == bodies


@pytest.mark.parametrize("kind", TYPES)
def test_messages_are_read_in_order_and_left_in_order(broker: LiveBroker, kind: str) -> None:
    queue = named(broker, **KINDS[kind])
    bodies = [f"message {number}".encode() for number in range(12)]
    fill(broker, queue, bodies, origin="test")
    with unchanged(broker, queue, bodies):
        for redelivered in (False, True, True):
            found = peek(broker.amqp, queue, Bounds(10))
            assert [one.body for one in found.messages] == bodies[:10]
            assert {one.redelivered for one in found.messages} == {redelivered}
            assert found.ended == "count"
            assert found.left == 2
            assert all(one.headers["origin"] == "test" for one in found.messages)
        everything = peek(broker.amqp, queue, Bounds(500))
        assert [one.body for one in everything.messages] == bodies
        assert everything.ended == "empty"


def test_a_quorum_queue_without_a_limit_puts_messages_behind(broker: LiveBroker) -> None:
    """As vhosts.messages.peeking.guard warns. None is lost."""
    queue = named(broker, **{"x-queue-type": "quorum", **no_limit(broker)})
    bodies = [f"{number}".encode() for number in range(6)]
    fill(broker, queue, bodies)
    peek(broker.amqp, queue, Bounds(2))
    peek(broker.amqp, queue, Bounds(1))
    found = drain(broker, queue)
    assert sorted(found) == bodies
    if broker.version < (4, 3):
        assert found == [*bodies[3:], *bodies[:3]]
    else:
        assert found == [bodies[1], bodies[0], *bodies[2:]]


def no_limit(broker: LiveBroker) -> dict[str, Any]:
    return {} if broker.version < (4, 0) else {"x-delivery-limit": -1}


@pytest.mark.parametrize("kind", TYPES)
def test_an_error_in_between_returns_what_was_got(
    broker: LiveBroker, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The messages are back at once, by a return and not by the loss of the channel."""
    queue = named(broker, **KINDS[kind])
    fill(broker, queue, [b"a", b"b", b"c"])
    said = bounded.Bodies.message
    calls: list[int] = []

    def fails(self: Any, *args: Any) -> Any:
        calls.append(1)
        if len(calls) == 3:
            raise ZeroDivisionError
        return said(self, *args)

    nacks = recorded(monkeypatch)
    monkeypatch.setattr(bounded.Bodies, "message", fails)
    with unchanged(broker, queue, [b"a", b"b", b"c"]):
        with pytest.raises(ZeroDivisionError):
            peek(broker.amqp, queue, Bounds(10))
        assert nacks == [(0, True, True)]


def recorded(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, bool, bool]]:
    """The explicit returns: (delivery tag, multiple, requeue)."""
    found: list[tuple[int, bool, bool]] = []
    send = pika.channel.Channel.basic_nack

    def nack(self: Any, delivery_tag: int = 0, multiple: bool = False, requeue: bool = True) -> Any:
        found.append((delivery_tag, multiple, requeue))
        return send(self, delivery_tag, multiple=multiple, requeue=requeue)

    monkeypatch.setattr(pika.channel.Channel, "basic_nack", nack)
    return found


@pytest.mark.parametrize("kind", TYPES)
def test_the_deadline_returns_messages_while_one_still_arrives(
    broker: LiveBroker, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message that never arrives whole: the broker gets the return before the connection ends."""
    queue = named(broker, **KINDS[kind])
    fill(broker, queue, [b"a", b"b"])
    nacks = recorded(monkeypatch)
    # The second message is kept back, as if its frames didn't come.
    finish, calls = bounded.Bodies._finish, []

    def late(self: Any) -> Any:
        calls.append(1)
        return finish(self) if len(calls) == 1 else None

    monkeypatch.setattr(bounded.Bodies, "_finish", late)
    monkeypatch.setattr(peeking, "_TO_RETURN_S", 1.0)
    endpoint = replace(broker.amqp, timeouts=Timeouts(connect=5.0, read=5.0, total=1.0))
    with pytest.raises(errors.TimedOut):
        peek(endpoint, queue, Bounds(10))
    monkeypatch.undo()
    assert nacks[0] == (0, True, True)
    assert drain(broker, queue) == [b"a", b"b"]


@pytest.mark.parametrize("kind", TYPES)
def test_large_bodies_are_cut_and_counted(broker: LiveBroker, kind: str) -> None:
    queue = named(broker, **KINDS[kind])
    bodies = [b"x" * 3_000_000, b"", b"y" * 700_000, b"z" * 600_000, b"last"]
    fill(broker, queue, bodies)
    with unchanged(broker, queue, bodies):
        found = peek(broker.amqp, queue, Bounds(10, kept=1_200_000, kept_of_one=500_000))
        assert [len(one.body) for one in found.messages] == [500_000, 0, 500_000, 500_000]
        assert [one.size for one in found.messages] == [3_000_000, 0, 700_000, 600_000]
        assert [one.is_cut for one in found.messages] == [True, False, True, True]
        assert found.ended == "bytes"


def test_reading_ends_when_enough_has_crossed_the_network(broker: LiveBroker) -> None:
    queue = named(broker)
    bodies = [b"x" * 600_000, b"y" * 600_000, b"z"]
    fill(broker, queue, bodies)
    with unchanged(broker, queue, bodies):
        found = peek(broker.amqp, queue, Bounds(10, kept_of_one=10, received=1_000_000))
        assert (found.ended, found.left, len(found.messages)) == ("bytes", 1, 2)


def test_a_quorum_queue_puts_messages_behind_earlier_returns(broker: LiveBroker) -> None:
    """Also with a delivery limit, as vhosts.messages.peeking.guard warns. None is lost."""
    queue = named(broker, **KINDS["quorum"])
    bodies = [f"{number}".encode() for number in range(6)]
    fill(broker, queue, bodies)
    peek(broker.amqp, queue, Bounds(4))
    peek(broker.amqp, queue, Bounds(1))
    found = drain(broker, queue)
    assert sorted(found) == bodies
    assert found == [*bodies[1:4], bodies[0], *bodies[4:]]


def test_headers_that_make_no_sense_lose_nothing(broker: LiveBroker) -> None:
    """A time in the year 584 billion and text that isn't UTF-8, which pika's own codec can't read."""
    queue = named(broker)
    with connected(broker.amqp) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        properties = pika.BasicProperties(headers={"when": datetime(2026, 1, 1, tzinfo=UTC)})
        pieces = b"".join(properties.encode())
        stamp = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()).to_bytes(8, "big")
        raw = pieces.replace(stamp, b"\x7f" + b"\xff" * 7)
        assert raw != pieces

        class Raw(pika.BasicProperties):
            def encode(self) -> list[bytes]:
                return [raw]

        channel.basic_publish("", queue, b"odd", Raw(), mandatory=True)
    with unchanged(broker, queue, [b"odd"]):
        found = peek(broker.amqp, queue, Bounds(5))
        assert len(found.messages) == 1


def test_a_missing_queue_and_a_refused_user_are_told(broker: LiveBroker) -> None:
    with pytest.raises(errors.NotFound):
        peek(broker.amqp, "no such queue", Bounds(1))


def returned(broker: LiveBroker, queue: str, times: int) -> None:
    """A consumer returns the head of the queue."""
    with connected(broker.amqp) as connection:
        channel = connection.channel()
        for _ in range(times):
            method, _, _ = channel.basic_get(queue)
            channel.basic_nack(method.delivery_tag, requeue=True)


def counts(broker: LiveBroker) -> bool:
    """Whether a return counts on this version."""
    return broker.version < (4, 3)


@pytest.fixture
def limited(broker: LiveBroker) -> Callable[[int], tuple[str, str]]:
    """Makes a quorum queue with a delivery limit and its dead-letter queue."""

    def make(limit: int) -> tuple[str, str]:
        dead = named(broker)
        queue = named(
            broker,
            **{
                "x-queue-type": "quorum",
                "x-delivery-limit": limit,
                "x-dead-letter-exchange": "",
                "x-dead-letter-routing-key": dead,
            },
        )
        return queue, dead

    return make


def test_reading_stops_before_the_limit(
    broker: LiveBroker, limited: Callable[[int], tuple[str, str]]
) -> None:
    queue, dead = limited(6)
    fill(broker, queue, [b"a", b"b", b"c"])
    for expected in range(1, 6):
        if not counts(broker):
            assert peek(broker.amqp, queue, Bounds(10)).ended == "empty"
            continue
        found = peek(broker.amqp, queue, Bounds(10), Returns(limit=6, spare=1))
        assert found.highest == expected
        assert found.ended == ("limit" if expected == 5 else "empty")
        assert len(found.messages) == (1 if expected == 5 else 3)
    assert sorted(drain(broker, queue)) == [b"a", b"b", b"c"]
    assert drain(broker, dead) == []


def test_a_message_without_a_return_left_is_copied(
    broker: LiveBroker, limited: Callable[[int], tuple[str, str]]
) -> None:
    """Consumers brought it to the limit before the console looked."""
    queue, dead = limited(2)
    fill(broker, queue, [b"poison"], origin="test")
    fill(broker, queue, [b"healthy"])
    if not counts(broker):
        return
    returned(broker, queue, 2)
    found = peek(broker.amqp, queue, Bounds(10), Returns(limit=2, spare=1))
    assert (found.copied, found.endangered) == (1, 0)
    assert found.ended == "limit"
    assert drain(broker, dead) == []
    again = peek(broker.amqp, queue, Bounds(10))
    assert [one.body for one in again.messages] == [b"healthy", b"poison"]
    assert again.messages[1].headers.get("origin") == "test"
    assert not again.messages[1].headers.get(_COUNT)


def test_http_reads_the_same_and_puts_it_back(broker: LiveBroker) -> None:
    queue = named(broker)
    bodies = [b"x" * 100, b"\xff\xfe"]
    fill(broker, queue, bodies, origin="test")
    with unchanged(broker, queue, bodies), broker.client() as client:
        found = peek_by_http(client, broker.vhost, queue, Bounds(5, kept=50))
        assert [one.body for one in found.messages] == [b"x" * 10, b"\xff\xfe"]
        assert [one.size for one in found.messages] == [100, 2]
        assert found.messages[0].headers == {"origin": "test"}
        assert (found.ended, found.left) == ("empty", 0)


# Streams


@pytest.fixture
def stream(broker: LiveBroker) -> str:
    return named(broker, **{"x-queue-type": "stream"})


def test_a_stream_is_read_from_anywhere_and_keeps_all(broker: LiveBroker, stream: str) -> None:
    bodies = [f"message {number}".encode() for number in range(60)]
    fill(broker, stream, bodies)
    whole = read_stream(broker.amqp, stream, Start("first"), Bounds(500))
    assert [one.body for one in whole.messages] == bodies
    assert whole.ended == "caught_up"
    assert [offset_of(one) for one in whole.messages] == list(range(60))
    some = read_stream(broker.amqp, stream, Start("first"), Bounds(25))
    assert ([one.body for one in some.messages], some.ended) == (bodies[:25], "count")
    later = read_stream(broker.amqp, stream, Start(50), Bounds(500))
    assert [one.body for one in later.messages] == bodies[50:]
    last = read_stream(broker.amqp, stream, Start("last"), Bounds(500))
    assert last.messages[-1].body == bodies[-1]
    at = datetime.now(UTC) - timedelta(hours=1)
    assert len(read_stream(broker.amqp, stream, Start(at), Bounds(500)).messages) == 60
    after = read_stream(
        broker.amqp, stream, Start(datetime.now(UTC) + timedelta(hours=1)), Bounds(5)
    )
    assert after.messages == []
    assert after.ended == "caught_up"


def test_a_stream_is_bounded_in_bytes(broker: LiveBroker, stream: str) -> None:
    fill(broker, stream, [b"x" * 100_000] * 5)
    found = read_stream(broker.amqp, stream, Start(), Bounds(50, kept=150_000, kept_of_one=60_000))
    assert found.ended == "bytes"
    assert [len(one.body) for one in found.messages] == [60_000] * 3
    assert {one.size for one in found.messages} == {100_000}


def test_a_stream_is_filtered_by_value(broker: LiveBroker, stream: str) -> None:
    """Before 3.13 the broker ignores the filter and the console filters alone."""
    for region in ("eu", "us", "eu"):
        fill(broker, stream, [region.encode()], **{"x-stream-filter-value": region})
    fill(broker, stream, [b"none"])
    read = lambda only: [  # noqa: E731
        one.body for one in read_stream(broker.amqp, stream, Start(), Bounds(50), only).messages
    ]
    assert read(BloomFilter(("eu",))) == [b"eu", b"eu"]
    assert read(BloomFilter(("us",), unfiltered=True)) == [b"us", b"none"]
