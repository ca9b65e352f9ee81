"""Queue depths by AMQP passive declare: current values, for a few queues or without HTTP."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import pika
from pika.exceptions import ChannelClosedByBroker, ShortStringTooLong

from console.rabbitmq.amqp.connection import connected
from console.rabbitmq.endpoint import AmqpEndpoint
from console.rabbitmq.errors import AccessRefused, NotFound
from console.rabbitmq.network.deadline import Deadline
from console.rabbitmq.text import printable
from console.rabbitmq.types import Listing, QueueDepth, RejectedRow

_NOT_FOUND = 404


class PassiveDepths:
    """Reads depths by passive declares over AMQP.

    A connection is limited to one vhost, so each vhost gets its own, one after the other. All share
    the endpoint's one deadline.
    """

    def __init__(self, endpoint: AmqpEndpoint) -> None:
        self._endpoint = endpoint

    def depths_of(self, names: Sequence[tuple[str, str]]) -> Listing[QueueDepth]:
        """Return ready messages and consumers of the named queues, given as (vhost, name).

        AMQP doesn't report unacked and total: they are None. A queue that doesn't exist is left
        out. A queue that the user can't access is a rejected row, as is every queue of a vhost that
        refuses the user; the listing is then incomplete.
        """
        deadline = Deadline(self._endpoint.timeouts.total)
        items: list[QueueDepth] = []
        rejected: list[RejectedRow] = []
        by_vhost: dict[str, list[str]] = {}
        for vhost, name in dict.fromkeys(names):
            by_vhost.setdefault(vhost, []).append(name)
        for vhost, queues in by_vhost.items():
            try:
                with connected(replace(self._endpoint, vhost=vhost), deadline) as connection:
                    _ask(connection, vhost, queues, items, rejected)
            except NotFound:
                continue
            except AccessRefused as error:
                rejected.extend(_refused(vhost, queues, error.detail))
        return Listing(items, rejected, complete=not rejected)


def _ask(
    connection: pika.BlockingConnection,
    vhost: str,
    queues: list[str],
    items: list[QueueDepth],
    rejected: list[RejectedRow],
) -> None:
    channel = connection.channel()
    for name in queues:
        try:
            answer = channel.queue_declare(name, passive=True).method
        except (ChannelClosedByBroker, ShortStringTooLong) as error:
            # The broker closes the channel with every refusal, so the next name needs a new one.
            if isinstance(error, ShortStringTooLong):
                rejected.extend(_refused(vhost, [name], "The name is longer than 255 bytes."))
                continue
            if error.reply_code != _NOT_FOUND:
                rejected.extend(_refused(vhost, [name], error.reply_text))
            channel = connection.channel()
            continue
        items.append(
            QueueDepth(vhost, name, answer.message_count, None, None, answer.consumer_count)
        )


def _refused(vhost: str, queues: Iterable[str], reason: str) -> list[RejectedRow]:
    return [RejectedRow(printable(reason), printable(f"{name} in {vhost}")) for name in queues]
