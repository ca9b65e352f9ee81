"""Messages and queues that a change of policies costs as soon as it applies."""

from __future__ import annotations

from dataclasses import dataclass, field

from console.kinds.effective.settings import InForce
from vhosts.policies.values import shown
from vhosts.policies.what_if.subjects import Subject


@dataclass(slots=True)
class Expiring:
    """Queues that get the same `expires`: all, those without consumers, and the messages in
    these. Consumers and messages as of the last poll."""

    queues: int = 0
    unused: int = 0
    messages: int = 0


@dataclass(slots=True)
class Losses:
    """What is lost at once, as of the last poll. `dropped` and `dead_lettered` are messages beyond
    max-length, `full` are queues that keep theirs and reject new ones. The depth of
    `unknown` queues is unknown. `ttls` are the new times of message-ttl."""

    dropped: int = 0
    dropped_queues: int = 0
    dead_lettered: int = 0
    dead_lettered_queues: int = 0
    full: int = 0
    unknown: int = 0
    #: By the new time of `expires`, as text.
    expiring: dict[str, Expiring] = field(default_factory=dict)
    ttls: list[str] = field(default_factory=list)

    def add(self, subject: Subject, tightened: Tightened) -> None:
        """Count what a queue loses by these new limits."""
        if tightened.max_length is not None:
            self._over(subject, tightened)
        if tightened.expires:
            one = self.expiring.setdefault(tightened.expires, Expiring())
            one.queues += 1
            if subject.consumers == 0:
                one.unused += 1
                one.messages += subject.ready or 0
        if tightened.ttl and tightened.ttl not in self.ttls:
            self.ttls.append(tightened.ttl)

    def _over(self, subject: Subject, tightened: Tightened) -> None:
        if subject.ready is None:
            self.unknown += tightened.drops and not tightened.dead_letters
            return
        over = subject.ready - (tightened.max_length or 0)
        if over <= 0:
            return
        if not tightened.drops:
            self.full += 1
        elif tightened.dead_letters:
            self.dead_lettered += over
            self.dead_lettered_queues += 1
        else:
            self.dropped += over
            self.dropped_queues += 1


@dataclass(frozen=True, slots=True)
class Tightened:
    """The limits of a queue that become lower; None or "" for those that don't, or not certainly.
    `expires` and `ttl` are texts. `drops`: what is over `max_length` leaves the queue;
    `dead_letters`: and is dead-lettered."""

    max_length: int | None
    drops: bool
    dead_letters: bool
    expires: str
    ttl: str


def tightened_by(before: InForce, after: InForce, of_type: str) -> Tightened | None:
    """Return the limits that become lower between the two; None if none does."""
    max_length, expires, ttl = (
        _lowered(key, before, after) for key in ("max-length", "expires", "message-ttl")
    )
    drops_after = _value(after, "overflow") == "drop-head"
    drops_before = _value(before, "overflow") == "drop-head"
    limit = _value(after, "max-length")
    if drops_after and not drops_before and isinstance(limit, int):
        # It may hold more than it may, because it rejected what was over.
        max_length = limit
    if max_length is None and expires is None and ttl is None:
        return None
    return Tightened(
        max_length,
        # A classic queue still has its former overflow behaviour when it takes the new limit.
        drops=drops_after or (drops_before and of_type in ("classic", "")),
        dead_letters=_value(after, "dead-letter-exchange") is not None,
        expires="" if expires is None else shown("expires", expires, of_type),
        ttl="" if ttl is None else shown("message-ttl", ttl, of_type),
    )


def _lowered(key: str, before: InForce, after: InForce) -> int | None:
    was, becomes = _value(before, key), _value(after, key)
    if not isinstance(becomes, int):
        return None
    return becomes if not isinstance(was, int) or becomes < was else None


def _value(found: InForce, key: str) -> object:
    setting = found.of(key)
    return None if setting is None else setting.value
