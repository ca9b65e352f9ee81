"""The last messages of a tap: encrypted in an unlogged table, in slices of time."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pika
from django.db.models import Sum

from console.rabbitmq.amqp.message import Message
from console.rabbitmq.amqp.reading.tap import Tapped
from console.rabbitmq.endpoint import Secret
from console.secrets import decrypt, encrypt
from vhosts.messages.listening.model import TapSlice

#: Most messages and bytes (encrypted) that a tap keeps.
MOST_KEPT, MOST_BYTES = 3_000, 24_000_000


@dataclass(frozen=True, slots=True)
class Kept:
    """A message of a tap. `seq` numbers the tap's messages from 1. `size` counts the whole body, of
    which `message` may have only the beginning."""

    seq: int
    at: datetime
    message: Message
    size: int


def sealed(tapped: Sequence[Tapped]) -> str:
    """Return the messages as encrypted text."""
    rows = [
        {
            "exchange": one.message.exchange,
            "key": one.message.routing_key,
            "redelivered": one.message.redelivered,
            "properties": _text(b"".join(one.message.properties.encode())),
            "body": _text(one.message.body),
            "size": one.size,
        }
        for one in tapped
    ]
    return encrypt(Secret(json.dumps(rows)))


def opened(row: TapSlice) -> Iterator[Kept]:
    """Yield the messages of a slice, oldest first. Raises WrongEncryptionKey."""
    rows: list[dict[str, Any]] = json.loads(decrypt(row.sealed).reveal())
    for seq, one in enumerate(rows, row.seq - len(rows) + 1):
        properties = pika.BasicProperties()
        properties.decode(base64.b64decode(one["properties"]))
        message = Message(
            exchange=one["exchange"],
            routing_key=one["key"],
            redelivered=one["redelivered"],
            properties=properties,
            body=base64.b64decode(one["body"]),
        )
        yield Kept(seq, row.at, message, one["size"])


def trim(tap_id: int) -> None:
    """Delete the oldest slices beyond what is kept."""
    slices = TapSlice.objects.filter(tap_id=tap_id)
    totals = slices.aggregate(messages=Sum("kept"), bytes=Sum("bytes"))
    messages, size = totals["messages"] or 0, totals["bytes"] or 0
    gone = []
    for pk, kept, of_bytes in slices.order_by("seq", "pk").values_list("pk", "kept", "bytes"):
        if messages <= MOST_KEPT and size <= MOST_BYTES:
            break
        gone.append(pk)
        messages, size = messages - kept, size - of_bytes
    if gone:
        slices.filter(pk__in=gone).delete()


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()
