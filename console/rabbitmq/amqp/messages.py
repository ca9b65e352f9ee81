"""Publish messages over AMQP."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import UnroutableError

from console.rabbitmq.amqp.connection import connected
from console.rabbitmq.endpoint import AmqpEndpoint


class Publisher:
    """Publishes with confirms: a message counts as sent only when the broker has confirmed it."""

    def __init__(self, channel: BlockingChannel) -> None:
        self._channel = channel

    def publish(
        self,
        exchange: str,
        routing_key: str,
        body: bytes,
        properties: pika.BasicProperties | None = None,
    ) -> bool:
        """Publish a message; return whether at least one queue accepted it.

        Raises BrokerError. After TimedOut or ConnectionLost the message may have arrived or not, so
        don't send it again blindly.
        """
        try:
            self._channel.basic_publish(exchange, routing_key, body, properties, mandatory=True)
        except UnroutableError:
            return False
        return True


@contextlib.contextmanager
def publisher(endpoint: AmqpEndpoint) -> Iterator[Publisher]:
    """Return a publisher for the length of the block, which the endpoint's deadline bounds."""
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
    """Publish one message over its own connection; return whether a queue accepted it. Raises
    BrokerError."""
    with publisher(endpoint) as sender:
        return sender.publish(exchange, routing_key, body, properties)
