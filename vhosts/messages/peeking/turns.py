"""One peek of a queue at a time, and what it leaves behind.

Two peeks at once would each get the other's gap: neither would show the head of the queue, and a
count that both read would be raised twice.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F, Q, QuerySet

from console.errors import ConsoleError
from vhosts.models import Queue, QueuePeeks, QueueSnapshot, RecentSnapshot

#: Longer than any peek: after it, the one that holds the queue is dead.
HELD_FOR = timedelta(seconds=60)
#: The broker's own figures, and those of polls, may be this much older than they look.
_FIGURES_LAG = timedelta(minutes=1)
#: After this time the head of a busy queue is taken to be another message.
_FORGOTTEN_AFTER = timedelta(days=1)


class PeekRunning(ConsoleError):
    """Somebody else peeks at the queue now."""

    code = "peek_running"
    http_status = 409


@dataclass(slots=True)
class Turn:
    """The right to peek now. Set `highest` to the count that the messages have afterwards."""

    highest: int


def highest_of(queue: Queue, now: datetime, *, is_empty: bool = False) -> int:
    """Return the highest count of returns that the last peek left on messages of the queue; 0 if
    the queue was empty since. `is_empty`: the broker's own figures say so now. Up to three
    queries."""
    row = _rows(queue).first()
    if row is None or row.peeked_at is None:
        return 0
    if is_empty and row.peeked_at < now - _FIGURES_LAG:
        return 0
    return 0 if _is_over(row, queue, now) else row.highest


@contextmanager
def turn(queue: Queue, now: datetime, *, counts: bool, known: int = 0) -> Iterator[Turn]:
    """Hold the queue for one peek. Raises PeekRunning if another one holds it.

    If looks count, `known` + 1 is stored before the block: should this process die, its messages
    come back with one more return.
    """
    holder = uuid.uuid4()
    QueuePeeks.objects.get_or_create(broker=queue.broker, vhost=queue.vhost, queue=queue.name)
    free = Q(held_until=None) | Q(held_until__lt=now)
    taken = (
        _rows(queue).filter(free).update(
            held_until=now + HELD_FOR, holder=holder, peeked_at=now,
            highest=known + 1 if counts else F("highest"),
        )
    )  # fmt: skip
    if not taken:
        raise PeekRunning(
            "Somebody else is reading this queue. Try again in some seconds: two at once would get "
            "in each other's way."
        )
    mine = Turn(highest=known + 1 if counts else 0)
    try:
        yield mine
    finally:
        kept = {"highest": mine.highest} if counts else {}
        _rows(queue).filter(holder=holder).update(held_until=None, holder=None, **kept)


def _rows(queue: Queue) -> QuerySet[QueuePeeks]:
    return QueuePeeks.objects.filter(broker=queue.broker, vhost=queue.vhost, queue=queue.name)


def _is_over(row: QueuePeeks, queue: Queue, now: datetime) -> bool:
    """Return whether the messages that were read then can't be there any more."""
    peeked_at = row.peeked_at
    if peeked_at is None or now - peeked_at > _FORGOTTEN_AFTER:
        return True
    empty = {"queue_id": queue.pk, "at__gt": peeked_at + _FIGURES_LAG, "ready": 0, "unacked": 0}
    return (
        RecentSnapshot.objects.filter(**empty).exists()
        or QueueSnapshot.objects.filter(**empty).exists()
    )
