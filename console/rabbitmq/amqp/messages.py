"""Messages over AMQP."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import UnroutableError

from console.rabbitmq.amqp.connection import connected
from console.rabbitmq.endpoint import AmqpEndpoint


class Publisher:
    """Publishes with confirms: a message counts as sent only when the broker has taken it."""

    def __init__(self, channel: BlockingChannel) -> None:
        self._channel = channel

    def publish(
        self,
        exchange: str,
        routing_key: str,
        body: bytes,
        properties: pika.BasicProperties | None = None,
    ) -> bool:
        """Whether at least one queue took the message. Raises BrokerError; TimedOut or ConnectionLost
        then say nothing about whether the message arrived, so it must not be sent again blindly."""
        try:
            self._channel.basic_publish(exchange, routing_key, body, properties, mandatory=True)
        except UnroutableError:
            return False
        return True


@contextlib.contextmanager
def publisher(endpoint: AmqpEndpoint) -> Iterator[Publisher]:
    """A publisher for the length of the block, bounded by the endpoint's deadline as a whole."""
    with connected(endpoint) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        yield Publisher(channel)


def publish(
    endpoint: AmqpEndpoint,
    *,
    exchange: str,
    routing_key: str,
    body: bytes,
    properties: pika.BasicProperties | None = None,
) -> bool:
    """Publish one message over a connection of its own; whether a queue took it. Raises BrokerError."""
    with publisher(endpoint) as sender:
        return sender.publish(exchange, routing_key, body, properties)
