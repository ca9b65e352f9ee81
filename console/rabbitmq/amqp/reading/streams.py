"""Read a stream from an offset over AMQP 0-9-1. Reading takes nothing and marks nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from pika.adapters.blocking_connection import BlockingChannel

from console.rabbitmq.amqp.connection import connected
from console.rabbitmq.amqp.message import Message
from console.rabbitmq.amqp.reading.bounded import Bodies, bound_bodies, weight
from console.rabbitmq.amqp.reading.peek import Bounds
from console.rabbitmq.endpoint import AmqpEndpoint
from console.rabbitmq.network.deadline import Deadline

#: RabbitMQ sends at most this many messages ahead.
_PREFETCH = 20
#: A stream has no end that the broker would report: no message for this long means that the reader
#: has caught up.
QUIET_S = 2.0
#: Seconds at the end of the deadline that are kept for closing.
_TO_CLOSE_S = 3.0

#: Why reading ended: caught up with the stream, or as in console.rabbitmq.amqp.reading.peek.
StreamEnded = Literal["caught_up", "count", "bytes", "time"]


@dataclass(frozen=True, slots=True)
class Start:
    """Where to start: the first message that is kept, the last chunk, an offset, or a time (the
    chunk that holds it, so some messages may be older)."""

    at: Literal["first", "last"] | int | datetime = "first"


@dataclass(frozen=True, slots=True)
class BloomFilter:
    """Values of the header x-stream-filter-value to read. The broker skips chunks that can't hold
    one (3.13 and later); the rest is filtered here. `unfiltered`: also messages without a value."""

    values: tuple[str, ...]
    unfiltered: bool = False

    def passes(self, message: Message) -> bool:
        value = message.headers.get("x-stream-filter-value")
        return self.unfiltered if value is None else value in self.values


@dataclass(slots=True)
class StreamRead:
    """What was read. `passed` counts messages that the filter left out here."""

    messages: list[Message] = field(default_factory=list)
    ended: StreamEnded = "caught_up"
    passed: int = 0


def offset_of(message: Message) -> int | None:
    """Return the message's offset in its stream; None if it comes from no stream."""
    offset = message.headers.get("x-stream-offset")
    return offset if isinstance(offset, int) and not isinstance(offset, bool) else None


def read_stream(
    endpoint: AmqpEndpoint,
    stream: str,
    start: Start,
    bounds: Bounds,
    only: BloomFilter | None = None,
) -> StreamRead:
    """Return messages of the stream from `start` on, oldest first. Raises BrokerError."""
    deadline = Deadline(endpoint.timeouts.total + _TO_CLOSE_S)
    found = StreamRead()
    with connected(endpoint, deadline) as connection:
        channel = connection.channel()
        channel.basic_qos(prefetch_count=_PREFETCH)
        bodies = bound_bodies(channel, bounds.kept_of_one)
        kept = 0
        for message in _arriving(channel, bodies, stream, start, only):
            if message is None:
                break
            if only is not None and not only.passes(message):
                found.passed += 1
            elif not isinstance(start.at, int) or (offset_of(message) or start.at) >= start.at:
                found.messages.append(message)
                kept += weight(message)
            if len(found.messages) >= bounds.messages:
                found.ended = "count"
                break
            if kept >= bounds.kept or bodies.received >= bounds.received:
                found.ended = "bytes"
                break
            if deadline.remaining() < _TO_CLOSE_S:
                found.ended = "time"
                break
    return found


def _arriving(
    channel: BlockingChannel, bodies: Bodies, stream: str, start: Start, only: BloomFilter | None
) -> Iterator[Message | None]:
    """Yield messages as they come, and None when none has come for QUIET_S."""
    arguments: dict[str, Any] = {"x-stream-offset": start.at}
    if only is not None:
        arguments["x-stream-filter"] = list(only.values)
        arguments["x-stream-match-unfiltered"] = only.unfiltered
    for method, properties, body in channel.consume(
        stream, arguments=arguments, inactivity_timeout=QUIET_S
    ):
        if method is None:
            yield None
            continue
        # An acknowledgement of a stream only lets more come.
        channel.basic_ack(method.delivery_tag)
        yield bodies.message(method, properties, body or b"")
