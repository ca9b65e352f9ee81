"""What a broker may not put into our tables, whatever it says."""

from __future__ import annotations

from collections.abc import Iterable

from console.rabbitmq.text import printable
from console.rabbitmq.types import QueueDepth, RejectedRow

#: RabbitMQ allows 255 bytes; an index row of Postgres takes some 2,700 for all its columns together.
MAX_NAME_BYTES = 800
_BIGGEST = 2**63 - 1
#: How many of the rejected rows are kept to be shown.
SAMPLES = 5


def why_unfit(*names: str) -> str | None:
    """Why these names cannot be kept, None where they can."""
    for name in names:
        if "\x00" in name:
            return "The name holds a NUL character."
        try:
            size = len(name) if name.isascii() else len(name.encode())
        except UnicodeEncodeError:
            return "The name is not valid Unicode."
        if size > MAX_NAME_BYTES:
            return f"The name is longer than {MAX_NAME_BYTES} bytes."
    return None


def sound_depths(items: Iterable[QueueDepth], rejected: list[RejectedRow]) -> list[QueueDepth]:
    """The depths that can be kept; the others go to `rejected`."""
    sound: list[QueueDepth] = []
    for item in items:
        reason = why_unfit(item.vhost, item.name)
        if reason is None and not all(
            value is None or 0 <= value <= _BIGGEST
            for value in (item.ready, item.unacked, item.total)
        ):
            reason = "The number of messages is absurd."
        if reason is None:
            sound.append(item)
        else:
            rejected.append(RejectedRow(reason, printable(f"{item.name} in {item.vhost}")))
    return sound


def samples(rejected: Iterable[RejectedRow]) -> list[dict[str, str]]:
    """The first few, as they are stored with the poll."""
    return [
        {"reason": row.reason.replace("\x00", "\ufffd")[:300], "sample": row.sample[:200]}
        for row, _ in zip(rejected, range(SAMPLES), strict=False)
    ]
