"""Take many messages from a queue, and publish many with confirms, without waiting for each.

pika's blocking channels wait for every single confirm, so this uses the channels beneath them
(tests/adapter/test_transfer.py guards what it needs of pika). One thread only; call `work` of both
sides at least every few seconds, for their heartbeats.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import pika
from pika import spec
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker

from console.rabbitmq.amqp.connection import mapped
from console.rabbitmq.amqp.message import Message
from console.rabbitmq.amqp.properties.exact import ExactProperties
from console.rabbitmq.errors import ConnectionLost
from console.rabbitmq.text import printable

_NOT_FOUND = 404
#: Bodies that may have arrived and not be taken.
MOST_BYTES = 16_000_000
_HEARTBEAT_S = 3.0
#: Bytes that the frames around a header need.
_FRAME_BYTES = 64


@dataclass(frozen=True, slots=True)
class Taken:
    """A message that the source waits for an acknowledgement of."""

    tag: int
    message: Message


@dataclass(frozen=True, slots=True)
class Settled:
    """What the target said of one publish. `reason` is the broker's text for one that returned."""

    number: int
    outcome: Literal["confirmed", "refused", "returned"]
    reason: str = ""


class Source:
    """Consumes one queue. What isn't acknowledged when the connection ends stays in the queue."""

    def __init__(self, connection: pika.BlockingConnection, queue: str) -> None:
        self._connection, self._queue = connection, queue
        self._channel: BlockingChannel = connection.channel()
        self._impl = self._channel._impl
        self._arrived: deque[Taken] = deque()
        self._bytes = 0
        #: Delivered and neither acknowledged nor returned.
        self._open: set[int] = set()
        self._tags: list[str] = []
        self._cancelled = False
        self._read_at = time.monotonic()
        self._channel.add_on_cancel_callback(self._on_cancelled)

    @property
    def is_open(self) -> bool:
        return bool(self._connection.is_open and self._channel.is_open)

    def count(self) -> tuple[int, int]:
        """Return ready messages and consumers. Raises NotFound."""
        answer = self._channel.queue_declare(self._queue, passive=True).method
        return answer.message_count, answer.consumer_count

    def consume(self, prefetch: int, *, offset: int | str | None = None) -> None:
        """Take up to `prefetch` messages more than before that aren't acknowledged. `offset`: where
        to begin in a stream.

        Each call adds a consumer: to cancel one would return messages that are on their way.
        """
        self._channel.basic_qos(prefetch_count=prefetch)
        arguments = None if offset is None else {"x-stream-offset": offset}
        self._tags.append(
            self._channel.basic_consume(self._queue, self._on_message, arguments=arguments)
        )

    def work(self, seconds: float = 0) -> None:
        """Send and receive; return at the latest after `seconds`, or when messages have arrived.
        Reads nothing while much has arrived, so that the broker waits."""
        now = time.monotonic()
        if self._bytes > MOST_BYTES and now - self._read_at < _HEARTBEAT_S:
            return
        self._read_at = now
        self._connection.process_data_events(0 if self._arrived else seconds)
        if self._channel.is_closed:
            raise _why_closed(self._channel)
        if self._cancelled:
            raise ConnectionLost("The broker cancelled the consumer of the source queue.")

    def take(self, most: int) -> list[Taken]:
        """Return messages that have arrived, in order, at most `most` and about MOST_BYTES / 2."""
        found: list[Taken] = []
        size = 0
        while self._arrived and len(found) < most and size < MOST_BYTES / 2:
            found.append(one := self._arrived.popleft())
            size += one.message.size
        self._bytes -= size
        return found

    @property
    def waiting(self) -> int:
        """Messages that have arrived and weren't taken."""
        return len(self._arrived)

    def ack(self, tags: Iterable[int]) -> None:
        for tag in tags:
            self._impl.basic_ack(tag)
            self._open.discard(tag)
        self._connection.process_data_events(0)

    def give_back(self) -> None:
        """Return all messages that aren't acknowledged to the queue, explicitly: RabbitMQ counts
        those of a lost channel as failed deliveries. Ends the consumers."""
        for tag in self._tags:
            self._channel.basic_cancel(tag)
        self._tags.clear()
        # A quorum queue keeps the order of the returns, a classic queue that of the messages.
        for number in sorted(self._open):
            self._impl.basic_nack(number, requeue=True)
        self._open.clear()
        self._arrived.clear()
        self._bytes = 0
        # Its answer comes after the broker has read all of the above.
        self.count()

    def _on_message(
        self, _: Any, method: spec.Basic.Deliver, properties: pika.BasicProperties, body: bytes
    ) -> None:
        self._bytes += len(body)
        self._open.add(method.delivery_tag)
        self._arrived.append(
            Taken(
                method.delivery_tag,
                Message(method.exchange, method.routing_key, method.redelivered, properties, body),
            )
        )

    def _on_cancelled(self, _: Any) -> None:
        self._cancelled = True


class Sink:
    """Publishes with confirms and mandatory. `settled` collects what the broker said."""

    def __init__(self, connection: pika.BlockingConnection) -> None:
        self._connection = connection
        self._known: set[str] = {""}
        self._channel: BlockingChannel = connection.channel()
        self._impl = self._channel._impl
        # pika's blocking confirm_delivery would make each publish wait.
        self._impl.confirm_delivery(ack_nack_callback=self._on_confirm)
        self._impl.add_on_return_callback(self._on_return)
        self._next = 1
        self._unsettled: dict[int, str] = {}
        self._returned: dict[str, str] = {}
        self.settled: list[Settled] = []

    @property
    def unsettled(self) -> int:
        """Publishes that the broker has said nothing of yet."""
        return len(self._unsettled)

    def has_exchange(self, name: str) -> bool:
        """Return whether the exchange exists. Exchanges found once aren't read again."""
        if name in self._known:
            return True
        channel = self._connection.channel()
        try:
            channel.exchange_declare(name, passive=True)
        except ChannelClosedByBroker as error:
            if error.reply_code != _NOT_FOUND:
                raise
            return False
        channel.close()
        self._known.add(name)
        return True

    def fits(self, properties: ExactProperties) -> bool:
        """Return whether the properties fit into one frame, as they must."""
        size = sum(len(piece) for piece in properties.encode())
        most = self._connection._impl.params.frame_max
        return not most or size + _FRAME_BYTES <= most

    def publish(
        self, exchange: str, key: str, properties: ExactProperties, body: bytes, mark: str
    ) -> int:
        """Send a message; return its number. `mark` tells it from all others of this connection
        (it is in header MARK)."""
        number = self._next
        self._next += 1
        self._unsettled[number] = mark
        self._impl.basic_publish(exchange, key, body, properties, mandatory=True)
        return number

    def work(self, seconds: float = 0) -> None:
        """Send and receive; return after `seconds`, or when the last publish is settled. Raises
        BrokerError if the channel was closed."""
        self._connection.process_data_events(seconds)
        if self._channel.is_closed:
            raise _why_closed(self._channel)

    def _on_confirm(self, frame: Any) -> None:
        method = frame.method
        outcome: Literal["confirmed", "refused"] = (
            "confirmed" if isinstance(method, spec.Basic.Ack) else "refused"
        )
        tag = method.delivery_tag
        if method.multiple:
            # Zero means all so far.
            numbers = [one for one in self._unsettled if not tag or one <= tag]
        else:
            numbers = [tag] if tag in self._unsettled else []
        for number in numbers:
            mark = self._unsettled.pop(number)
            # A return comes before its confirm.
            if mark in self._returned:
                self.settled.append(Settled(number, "returned", self._returned.pop(mark)))
            else:
                self.settled.append(Settled(number, outcome))
        if not self._unsettled:
            # Ends `work` before its time.
            self._connection._request_channel_dispatch(-self._channel.channel_number)

    def _on_return(
        self, _: Any, method: spec.Basic.Return, properties: ExactProperties, __: bytes
    ) -> None:
        field = properties.field(MARK)
        self._returned[str(field.value) if field else ""] = printable(method.reply_text)


#: The header that tells a message of one job from all others.
MARK = "x-warren-job"


def _why_closed(channel: BlockingChannel) -> Exception:
    reason = channel._closing_reason
    return mapped(reason, "") if reason is not None else ConnectionLost("The channel was closed.")
