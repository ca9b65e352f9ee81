"""Listen to what exchanges route, without consuming what belongs to anybody else.

A tap is a queue of its own: exclusive, auto-delete and named by the server, so it is gone with its
connection, however that ends. Nobody waits for it: it is bounded in messages, bytes and time, drops
its oldest, and dead-letters nothing, whatever policies say.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pika
from pika import frame
from pika.adapters.blocking_connection import BlockingChannel
from pika.channel import ContentFrameAssembler
from pika.compat import long

from console.rabbitmq.amqp.connection import connected
from console.rabbitmq.amqp.message import Message
from console.rabbitmq.endpoint import AmqpEndpoint
from console.rabbitmq.network.deadline import Deadline

#: No exchange has this name. Arguments take precedence over policies, so a policy on all queues
#: that dead-letters can't fill a dead letter queue with what a tap drops.
NO_DEAD_LETTERS = "warren.no.dead.letters"
#: Most messages and bytes that wait in the queue of a tap.
MOST_WAITING, MOST_WAITING_BYTES = 10_000, 32_000_000
_ARGUMENTS: dict[str, Any] = {
    "x-queue-type": "classic",
    "x-max-length": MOST_WAITING,
    "x-max-length-bytes": MOST_WAITING_BYTES,
    "x-overflow": "drop-head",
    "x-message-ttl": 10_000,
    "x-expires": 30_000,
    "x-dead-letter-exchange": NO_DEAD_LETTERS,
}
#: Messages that the broker sends ahead of an acknowledgement.
_AHEAD = 10


@dataclass(frozen=True, slots=True)
class Source:
    """A binding from an exchange to the queue of a tap."""

    exchange: str
    routing_key: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is kept of a slice of time: messages, bytes of bodies, and bytes of one body."""

    messages: int = 100
    bytes: int = 2_000_000
    body_bytes: int = 64_000


@dataclass(frozen=True, slots=True)
class Tapped:
    """A message of a tap. `message.body` has its first bytes; `size` counts all of them."""

    message: Message
    size: int


@dataclass(frozen=True, slots=True)
class Slice:
    """What came in a slice of time. `skipped`: messages that came beyond the bounds;
    `at_least`: there may have been more."""

    tapped: Sequence[Tapped]
    skipped: int
    at_least: bool


class CutBodies(ContentFrameAssembler):
    """Keeps the first bytes of each body, so that the largest messages cost no memory. pika has no
    public name for that; tests/adapter/test_tap.py guards it."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most
        self._kept = 0
        #: Bytes of the whole body, by delivery tag.
        self.sizes: dict[int, int] = {}

    def process(self, frame_value: Any) -> Any:
        if isinstance(frame_value, frame.Header):
            self._kept = 0
            method = getattr(self._method_frame, "method", None)
            if (tag := getattr(method, "delivery_tag", None)) is not None:
                self.sizes[tag] = frame_value.body_size
        elif isinstance(frame_value, frame.Body):
            rest = frame_value.fragment[: max(0, self._most - self._kept)]
            self._kept += len(rest)
            missing = len(frame_value.fragment) - len(rest)
            frame_value.fragment = rest
            self._seen_so_far += missing
        return super().process(frame_value)


class Tap:
    """An open tap. Use it in the thread that opened it."""

    def __init__(self, connection: pika.BlockingConnection, bounds: Bounds) -> None:
        self._connection = connection
        self._bounds = bounds
        self._channel: BlockingChannel = connection.channel()
        self._bodies = CutBodies(bounds.body_bytes)
        self._channel._impl._content_assembler = self._bodies
        self._new: list[Tapped] = []
        self._bytes = 0
        self._last_tag = 0
        self.queue = ""

    def start(self, sources: Sequence[Source]) -> None:
        """Declare the queue, bind it to each source and start to listen. Raises what pika does."""
        declared = self._channel.queue_declare(
            "", exclusive=True, auto_delete=True, arguments=_ARGUMENTS
        )
        self.queue = declared.method.queue
        for source in sources:
            for arguments in _both_widths(source.arguments):
                self._channel.queue_bind(self.queue, source.exchange, source.routing_key, arguments)
        self._channel.basic_qos(prefetch_count=_AHEAD)
        self._channel.basic_consume(self.queue, self._take)

    def read(self, seconds: float) -> Slice:
        """Return what comes within `seconds`. Raises what pika does if the tap is lost."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._connection.process_data_events(time_limit=left)
            if not self._channel.is_open or not self._channel.consumer_tags:
                # The queue was deleted: the broker cancels its consumer.
                raise pika.exceptions.ChannelWrongStateError("The queue of the tap is gone.")
        return self._slice()

    def _slice(self) -> Slice:
        # What waits beyond the bounds is counted by deleting it: nobody else reads this queue.
        purged = self._channel.queue_purge(self.queue).method.message_count
        if self._last_tag:
            self._channel.basic_ack(self._last_tag, multiple=True)
            self._last_tag = 0
        new, self._new = self._new, []
        of_bytes, self._bytes = self._bytes, 0
        mean = of_bytes / len(new) if new else 0
        full = purged >= MOST_WAITING or purged * mean >= MOST_WAITING_BYTES / 2
        return Slice(new, purged, at_least=full)

    def _take(
        self, channel: BlockingChannel, method: Any, properties: pika.BasicProperties, body: bytes
    ) -> None:
        size = self._bodies.sizes.pop(method.delivery_tag, len(body))
        message = Message(
            exchange=method.exchange,
            routing_key=method.routing_key,
            redelivered=method.redelivered,
            properties=properties,
            body=body,
        )
        self._new.append(Tapped(message, size))
        self._bytes += size
        if len(self._new) <= self._bounds.messages - _AHEAD and self._bytes < self._bounds.bytes:
            channel.basic_ack(method.delivery_tag)
        else:
            # Not acknowledged before the slice ends: nothing more than what is ahead comes until
            # then.
            self._last_tag = method.delivery_tag


def _both_widths(arguments: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the arguments with whole numbers as clients send them, with 32 and with 64 bits: the
    API doesn't tell which."""
    yield dict(arguments)
    if any(type(value) is int for value in arguments.values()):
        yield {
            name: long(value) if type(value) is int else value for name, value in arguments.items()
        }


@contextlib.contextmanager
def tapped(
    endpoint: AmqpEndpoint, sources: Sequence[Source], bounds: Bounds, *, at_most_s: float
) -> Iterator[Tap]:
    """Return an open tap for the length of the block, at most `at_most_s`. Raises BrokerError."""
    with connected(endpoint, Deadline(at_most_s)) as connection:
        tap = Tap(connection, bounds)
        tap.start(sources)
        yield tap
