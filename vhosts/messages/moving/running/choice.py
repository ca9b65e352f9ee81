"""Which of the messages that arrive a job passes on, in this run."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Literal

from accessctl.authorize import AnyUser
from console.rabbitmq.amqp.properties.exact import exact
from console.rabbitmq.amqp.properties.fingerprint import fingerprint
from console.rabbitmq.amqp.transfer import Taken
from vhosts.messages.dead_letters.replay.selection import Wanted
from vhosts.messages.matching import Match, match
from vhosts.messages.moving.places import Mode, Selection
from vhosts.messages.moving.running.outgoing import mark_of
from vhosts.messages.moving.running.progress import Progress
from vhosts.messages.showing import reader_of

Doubt = Literal["", "doubtful", "certain"]


@dataclass(frozen=True, slots=True)
class Chosen:
    """A message to pass on. `doubt`: whether it may be ("doubtful") or is ("certain") at the target
    already, from before an interruption. `offset` is None but for streams."""

    taken: Taken
    fingerprint: str
    doubt: Doubt = ""
    offset: int | None = None


class Choice:
    """Judges each message once, in the order of arrival. `left` is how many more it looks at, so
    that a job ends even if its target leads back to its source.

    `end`: of a stream, the first offset that isn't looked at; None of a queue."""

    def __init__(
        self, progress: Progress, author: AnyUser, *, stream: bool, end: int | None = None
    ) -> None:
        job = progress.job
        self._end = end
        self._job, self._progress, self._stream = job, progress, stream
        self._selection = Selection.from_json(job.selection)
        self._reader = self._match = None
        if self._selection.kind == "matching":
            self._match = Match.of(self._selection.match)
            self._reader = reader_of(author, job.broker_id, job.vhost)
        self._letters: Wanted | None = None
        if self._selection.kind == "dead_letters":
            self._letters = Wanted.from_json(self._selection.match)
        self._left_behind = progress.left_behind()
        remembers = job.mode == Mode.COPY or self._selection.kind == "chosen"
        self._remembered = progress.remembered() if remembers and not stream else Counter()
        self._wanted = self._still_wanted()
        removed = 0 if self._copies else job.confirmed + job.deleted + job.unknown
        if stream:
            # What was confirmed isn't delivered again: reading goes on behind it.
            progress.certain.clear()
        self.left = max(0, (job.frozen or 0) - removed + progress.certain.total())
        if end is not None:
            self.left = max(0, end - (job.offset or 0))
        #: Whether to look for messages that were confirmed and may not have been acknowledged.
        self._seeks = progress.certain.total() > 0
        self.skipped = 0

    def _still_wanted(self) -> Counter[str] | int | None:
        """Return how many messages are still to select: by fingerprint, as a number, or None for
        all."""
        job, selection = self._job, self._selection
        if selection.kind == "chosen":
            return Counter(dict(selection.fingerprints)) - (
                Counter() if job.mode == Mode.COPY else self._remembered
            )
        if selection.kind == "first":
            removed = job.confirmed + job.deleted + job.unknown
            again = job.mode == Mode.COPY and not self._stream
            return max(0, (selection.count or 0) - (0 if again else removed))
        return None

    @property
    def over(self) -> bool:
        """Whether nothing more is to be looked at."""
        return self.left <= 0 or (self._has_all and not self._seeks)

    @property
    def _has_all(self) -> bool:
        if isinstance(self._wanted, Counter):
            return not +self._wanted
        return self._wanted == 0

    @property
    def most(self) -> int:
        """How many more messages to take at most."""
        if isinstance(self._wanted, int):
            return min(self.left, self._wanted + self._progress.certain.total())
        return self.left

    def judge(self, taken: Taken) -> Chosen | None:
        """Return the message to pass on; None to leave it where it is."""
        message, offset = taken.message, None
        if self._end is not None:
            offset = _offset(taken)
            if offset is None or not (self._job.offset or 0) <= offset < self._end:
                # A stream delivers whole chunks.
                self.left = 0 if offset is not None and offset >= self._end else self.left
                return None
            self.left = self._end - offset
        self.left -= 1
        mark = fingerprint(message)
        if mark_of(message).startswith(str(self._job.pk)):
            # Published by this job: its target leads back to its source.
            self.skipped += 1
            return None
        if message.redelivered or self._stream:
            if doubt := self._doubt(mark):
                if doubt == "doubtful" or self._copies:
                    self._count(mark)
                return Chosen(taken, mark, doubt, offset)
            if self._was_settled(mark):
                self._count(mark)
                return None
        else:
            # What an interruption returned comes first.
            self._seeks = False
        if self._has_all:
            return None
        if not self._selects(taken, mark):
            self.skipped += 1
            return None
        self._count(mark)
        return Chosen(taken, mark, "", offset)

    def _was_settled(self, mark: str) -> bool:
        """Return whether an earlier run of this job couldn't publish it, or copied it."""
        if self._stream:
            return False
        for seen in (self._left_behind, self._remembered if self._copies else Counter[str]()):
            if seen[mark] > 0:
                seen[mark] -= 1
                return True
        return False

    @property
    def _copies(self) -> bool:
        return bool(self._job.mode == Mode.COPY)

    def _doubt(self, mark: str) -> Doubt:
        progress = self._progress
        if progress.doubtful[mark] > 0:
            progress.doubtful[mark] -= 1
            return "doubtful"
        if progress.certain[mark] > 0:
            progress.certain[mark] -= 1
            self._seeks = progress.certain.total() > 0
            return "certain"
        return ""

    def _selects(self, taken: Taken, mark: str) -> bool:
        if isinstance(self._wanted, Counter):
            return self._wanted[mark] > 0
        if self._match is not None and self._reader is not None:
            return match(taken.message, self._reader, self._match)
        if self._letters is not None:
            return self._letters.selects(taken.message)
        return True

    def _count(self, mark: str) -> None:
        if isinstance(self._wanted, Counter):
            self._wanted[mark] -= 1
        elif self._wanted is not None:
            self._wanted = max(0, self._wanted - 1)


def _offset(taken: Taken) -> int | None:
    found = exact(taken.message.properties).field("x-stream-offset")
    return found.value if found and isinstance(found.value, int) else None


def returns_of(taken: Taken) -> int:
    """Return how often the message was returned to its quorum queue, or delivered in vain."""
    properties = exact(taken.message.properties)
    counts = [properties.field(name) for name in ("x-acquired-count", "x-delivery-count")]
    return max((one.value for one in counts if one and isinstance(one.value, int)), default=0)
