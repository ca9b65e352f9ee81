"""What returning messages to a quorum queue costs them, shared with peeks of the same queue."""

from __future__ import annotations

import math
from datetime import datetime

from vhosts.messages.moving.model import MessageJob
from vhosts.messages.moving.places import Mode, Selection
from vhosts.messages.peeking.facts import stored_facts
from vhosts.messages.peeking.guard import counted_limit, spare_of
from vhosts.messages.peeking.turns import highest_of
from vhosts.models import Queue, QueuePeeks


class Wear:
    """How many returns the messages of a job's source bear. `bears` is the most that a message may
    have had that the job returns once more: infinite where returns don't count."""

    def __init__(self, job: MessageJob, row: Queue | None, now: datetime) -> None:
        returns = job.mode == Mode.COPY or Selection.from_json(job.selection).passes_over
        limit = counted_limit(stored_facts(row)) if row is not None else None
        self._row, self._now = row, now
        self.bears = math.inf if limit is None else max(1, limit - spare_of(limit))
        self._counts = limit is not None and returns
        self._known = highest_of(row, now) if row is not None and self._counts else 0

    def why_not(self) -> str:
        """Return why the job mustn't take messages at all; "" if it may."""
        if self._counts and self._known >= self.bears:
            return (
                "Messages of this queue were returned so often that RabbitMQ would soon dead-letter or "
                "delete them. Move all of them instead, or the first ones."
            )
        return ""

    def note(self, highest: int | None = None) -> None:
        """Store the highest count that messages have now; before a run, one more than is known:
        should this process die, they come back with one more return."""
        if not self._counts or self._row is None:
            return
        QueuePeeks.objects.update_or_create(
            broker=self._row.broker, vhost=self._row.vhost, queue=self._row.name,
            defaults={"highest": self._known + 1 if highest is None else highest, "peeked_at": self._now},
        )  # fmt: skip
