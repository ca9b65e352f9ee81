"""Consume from a queue as a worker that takes its time, and call one that replies."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pika

from console.rabbitmq.amqp.connection import connected
from console.rabbitmq.amqp.message import Message
from console.rabbitmq.amqp.reading.tap import Bounds, CutBodies, Slice, Tapped
from console.rabbitmq.endpoint import AmqpEndpoint
from console.rabbitmq.network.deadline import Deadline

_DIRECT_REPLY = "amq.rabbitmq.reply-to"


@dataclass(frozen=True, slots=True)
class Job:
    """How a worker works: messages held at once, seconds for each, and whether it replies with the
    body in capital letters."""

    queue: str
    prefetch: int = 1
    work_s: float = 0.0
    replies: bool = False


class Worker:
    """Works on one message after the other. What it has is redelivered to others if it dies."""

    def __init__(self, connection: pika.BlockingConnection, job: Job, bounds: Bounds) -> None:
        self._connection = connection
        self._job = job
        self._most = bounds.messages
        self._channel = connection.channel()
        self._bodies = CutBodies(bounds.body_bytes)
        self._channel._impl._content_assembler = self._bodies
        self._held: deque[tuple[int, Tapped]] = deque()
        self._done: list[Tapped] = []
        self._ready_at = 0.0
        self._channel.basic_qos(prefetch_count=job.prefetch)
        self._channel.basic_consume(job.queue, self._take)

    def read(self, seconds: float) -> Slice:
        """Return what was done within `seconds`. Raises what pika does."""
        until = time.monotonic() + seconds
        while (now := time.monotonic()) < until and len(self._done) < self._most:
            if self._held and now >= self._ready_at:
                self._finish()
                continue
            left = until - now
            if self._held:
                left = min(left, self._ready_at - now)
            self._connection.process_data_events(time_limit=max(0.001, left))
            if not self._channel.is_open or not self._channel.consumer_tags:
                raise pika.exceptions.ChannelWrongStateError("The queue is gone.")
        done, self._done = self._done, []
        return Slice(done, 0, at_least=False)

    def _take(
        self, channel: Any, method: Any, properties: pika.BasicProperties, body: bytes
    ) -> None:
        size = self._bodies.sizes.pop(method.delivery_tag, len(body))
        message = Message(method.exchange, method.routing_key, method.redelivered, properties, body)
        if not self._held:
            self._ready_at = time.monotonic() + self._job.work_s
        self._held.append((method.delivery_tag, Tapped(message, size)))

    def _finish(self) -> None:
        tag, tapped = self._held.popleft()
        self._ready_at = time.monotonic() + self._job.work_s
        properties = tapped.message.properties
        if self._job.replies and properties.reply_to:
            self._channel.basic_publish(
                "",
                properties.reply_to,
                tapped.message.body.upper(),
                pika.BasicProperties(correlation_id=properties.correlation_id),
            )
        self._channel.basic_ack(tag)
        self._done.append(tapped)


@contextlib.contextmanager
def working(
    endpoint: AmqpEndpoint, job: Job, bounds: Bounds, *, at_most_s: float
) -> Iterator[Worker]:
    """Return a worker for the length of the block, at most `at_most_s`. Raises BrokerError."""
    with connected(endpoint, Deadline(at_most_s)) as connection:
        yield Worker(connection, job, bounds)


def call(endpoint: AmqpEndpoint, queue: str, body: bytes, *, within_s: float) -> bytes | None:
    """Send a request to the queue and return the reply; None if none came in time. Raises
    BrokerError; Rejected if there is no such queue."""
    with connected(endpoint, Deadline(within_s + endpoint.timeouts.total)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        request = str(uuid.uuid4())
        replies: list[bytes] = []

        def take(_: Any, __: Any, properties: pika.BasicProperties, reply: bytes) -> None:
            if properties.correlation_id == request:
                replies.append(reply)

        channel.basic_consume(_DIRECT_REPLY, take, auto_ack=True)
        channel.basic_publish(
            "",
            queue,
            body,
            pika.BasicProperties(reply_to=_DIRECT_REPLY, correlation_id=request),
            mandatory=True,
        )
        until = time.monotonic() + within_s
        while not replies and (left := until - time.monotonic()) > 0:
            connection.process_data_events(time_limit=left)
        return replies[0] if replies else None
