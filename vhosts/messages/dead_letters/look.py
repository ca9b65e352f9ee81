"""Look at the first messages of a queue and return them to it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from accessctl.authorize import AnyUser
from console.brokers.amqp import amqp_endpoint
from console.brokers.connect import endpoint_of
from console.rabbitmq.amqp.connection import connected
from console.rabbitmq.amqp.message import Message
from console.rabbitmq.endpoint import Timeouts
from console.rabbitmq.types import Listener
from vhosts.models import Queue

_TIMEOUTS = Timeouts(connect=3.0, read=5.0, total=20.0)
_MOST_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Looked:
    """The messages in the queue's order; `ready` were there in all, None: unknown."""

    messages: tuple[Message, ...]
    ready: int | None


def look(queue: Queue, limit: int, *, acting_user: AnyUser) -> Looked:
    """Return up to `limit` messages. All go back to the queue before the channel closes."""
    management = endpoint_of(queue.broker, timeouts=_TIMEOUTS)
    listeners = [Listener(**one) for one in queue.broker.status.listeners]
    endpoint = amqp_endpoint(queue.broker.amqp_url, management, listeners, _TIMEOUTS)
    messages: list[Message] = []
    ready, size = None, 0
    with connected(replace(endpoint, vhost=queue.vhost)) as connection:
        channel = connection.channel()
        while len(messages) < limit and size < _MOST_BYTES:
            method, properties, body = channel.basic_get(queue.name)
            if method is None:
                break
            if ready is None:
                ready = method.message_count + 1
            size += len(body)
            messages.append(
                Message(method.exchange, method.routing_key, method.redelivered, properties, body)
            )
        if messages:
            channel.basic_nack(len(messages), multiple=True, requeue=True)
        channel.close()
    return Looked(tuple(messages), 0 if ready is None else ready)
