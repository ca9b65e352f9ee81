"""Read messages of a classic or quorum queue without taking them.

Messages are got one by one without acknowledgement and returned by an explicit basic.nack with
requeue before the channel closes, whatever happens meanwhile: a channel that closes with unacked
messages counts as a failed delivery on every version. What a return costs depends on type and
version (vhosts.messages.peeking.guard).
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import pika
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError, NackError, UnroutableError

from console.rabbitmq.amqp.connection import connected
from console.rabbitmq.amqp.message import Message
from console.rabbitmq.amqp.properties.exact import exact
from console.rabbitmq.amqp.reading.bounded import bound_bodies, weight
from console.rabbitmq.endpoint import MEGABYTE, AmqpEndpoint
from console.rabbitmq.network.deadline import Deadline

#: Headers that count how often a message was handed out; RabbitMQ sets them on delivery.
COUNTS = ("x-delivery-count", "x-acquired-count")
#: A message that can't be returned is copied only if all of it is here.
_COPIED_BYTES = 32 * MEGABYTE
#: Seconds at the end of the deadline that are kept for returning the messages.
_TO_RETURN_S = 5.0

#: How long the return is waited for, and between two looks at it.
_SETTLED_S, _PAUSE_S = 1.0, 0.02

#: Why reading ended: the queue has no more ready messages, as many as wanted were read, the bytes
#: or the time were used up, or a message has only a few returns left.
Ended = Literal["empty", "count", "bytes", "time", "limit"]


@dataclass(frozen=True, slots=True)
class Bounds:
    """The most that is read. `kept` is bytes of bodies and properties that are handed on, all
    together, `kept_of_one` those of one body, `received` bytes of bodies that cross the network."""

    messages: int
    kept: int = 4 * MEGABYTE
    kept_of_one: int = MEGABYTE
    received: int = 256 * MEGABYTE


@dataclass(frozen=True, slots=True)
class Returns:
    """The limit that counts returns: a message that is returned more than `limit` times is
    dead-lettered or deleted. Reading ends at a message that has no more than `spare` returns left."""

    limit: int
    spare: int


@dataclass(slots=True)
class Peeked:
    """What was read. `left` is how many ready messages remained behind, None if that is unknown.
    `copied` messages had no return left: a confirmed copy is at the end of the queue instead.
    `endangered` ones had none left either, and couldn't be copied. `highest` is the highest count
    of returns of a message, including this one."""

    messages: list[Message] = field(default_factory=list)
    ended: Ended = "count"
    left: int | None = None
    copied: int = 0
    endangered: int = 0
    highest: int = 0


def count_of(message: Message) -> int:
    """Return how often the message was returned or acquired before, by its own headers."""
    counts = [message.headers.get(name) for name in COUNTS]
    return max((one for one in counts if isinstance(one, int)), default=0)


def peek(
    endpoint: AmqpEndpoint, queue: str, bounds: Bounds, returns: Returns | None = None
) -> Peeked:
    """Return messages from the head of the queue, oldest first; all of them are in their place
    again afterwards, marked as redelivered. Raises BrokerError; then they were returned as well.

    `returns`: a return counts on this queue. A message that another consumer brought to the limit
    can't be returned any more: it is copied to the end of the queue, and acknowledged only once the
    broker has confirmed the copy.
    """
    deadline = Deadline(endpoint.timeouts.total + _TO_RETURN_S)
    found = Peeked()
    with connected(endpoint, deadline) as connection:
        channel = connection.channel()
        with _returned(connection, channel, deadline):
            _read(connection, channel, queue, bounds, returns, found, deadline)
        _wait_for_return(connection, queue, found, deadline)
    return found


def _read(
    connection: pika.BlockingConnection,
    channel: BlockingChannel,
    queue: str,
    bounds: Bounds,
    returns: Returns | None,
    found: Peeked,
    deadline: Deadline,
) -> None:
    bodies = bound_bodies(channel, bounds.kept_of_one if returns is None else _COPIED_BYTES)
    kept = 0
    while len(found.messages) < bounds.messages:
        if deadline.remaining() < _TO_RETURN_S:
            found.ended = "time"
            return
        if kept >= bounds.kept or bodies.received >= bounds.received:
            found.ended = "bytes"
            return
        method, properties, body = channel.basic_get(queue)
        if method is None:
            found.ended, found.left = "empty", 0
            return
        message = bodies.message(method, properties, body or b"")
        found.left = method.message_count
        count = count_of(message) + 1
        if returns is not None and count > returns.limit:
            done = _copied(connection, queue, message)
            found.copied += done
            found.endangered += not done
            if done:
                channel.basic_ack(method.delivery_tag)
        else:
            found.highest = max(found.highest, count)
        message = _shortened(message, bounds.kept_of_one)
        found.messages.append(message)
        kept += weight(message)
        if returns is not None and returns.limit - count <= returns.spare:
            found.ended = "limit"
            return


@contextlib.contextmanager
def _returned(
    connection: pika.BlockingConnection, channel: BlockingChannel, deadline: Deadline
) -> Iterator[None]:
    """Return every message that the channel holds at the end of the block, or shortly before the
    deadline even while a message is still arriving."""

    def in_time() -> None:
        # Delivery tag 0: all that were sent so far, also one of which only a part has arrived.
        with contextlib.suppress(AMQPError):
            channel._impl.basic_nack(0, multiple=True, requeue=True)

    # Runs in the loop of every blocking call, like the deadline itself (connection._end_by).
    timer: Any = connection._impl._adapter_call_later(
        max(0.0, deadline.remaining() - _TO_RETURN_S / 2), in_time
    )
    try:
        yield
    finally:
        if channel.is_open:
            connection._impl._adapter_remove_timeout(timer)
            channel.basic_nack(0, multiple=True, requeue=True)
            # Its answer comes after the broker has dealt with the return.
            channel.close()


def _wait_for_return(
    connection: pika.BlockingConnection, queue: str, found: Peeked, deadline: Deadline
) -> None:
    """Wait until the messages are ready again, for a second at most: a quorum queue applies a return
    after the channel has closed, and who reads in between gets later messages first. With consumers
    the number is never reached, which is no error."""
    back = len(found.messages) - found.copied + (found.left or 0)
    ends = time.monotonic() + min(_SETTLED_S, deadline.remaining())
    channel = connection.channel()
    while time.monotonic() < ends:
        if channel.queue_declare(queue, passive=True).method.message_count >= back:
            return
        connection.sleep(_PAUSE_S)


def _copied(connection: pika.BlockingConnection, queue: str, message: Message) -> bool:
    """Publish a copy to the end of the queue; return whether the broker confirmed it."""
    if message.is_cut:
        return False
    properties = exact(message.properties).edited(without_headers=COUNTS)
    channel = connection.channel()
    try:
        channel.confirm_delivery()
        channel.basic_publish("", queue, message.body, properties, mandatory=True)
    except (UnroutableError, NackError, AMQPError):
        return False
    return True


def _shortened(message: Message, most: int) -> Message:
    if len(message.body) <= most:
        return message
    return Message(
        exchange=message.exchange,
        routing_key=message.routing_key,
        redelivered=message.redelivered,
        properties=message.properties,
        body=message.body[:most],
        whole_size=message.size,
    )
