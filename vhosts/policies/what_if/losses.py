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
    the new max-length, `full` are queues that keep theirs and reject new ones. The depth of
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

    def add(self, subject: Subject, before: InForce, after: InForce) -> None:
        """Count what a queue loses between these two states."""
        limit = _tightened("max-length", before, after)
        if limit is not None:
            self._over(subject, limit, before, after)
        of_type = subject.target.type
        expires = _tightened("expires", before, after)
        if expires is not None:
            one = self.expiring.setdefault(shown("expires", expires, of_type), Expiring())
            one.queues += 1
            if subject.consumers == 0:
                one.unused += 1
                one.messages += subject.ready or 0
        ttl = _tightened("message-ttl", before, after)
        if ttl is not None and (text := shown("message-ttl", ttl, of_type)) not in self.ttls:
            self.ttls.append(text)

    def _over(self, subject: Subject, limit: int, before: InForce, after: InForce) -> None:
        if subject.ready is None:
            self.unknown += 1
            return
        over = max(subject.ready - limit, 0)
        # A classic queue still has its former overflow behaviour when it takes the new limit.
        acting = before if subject.target.type in ("classic", "") else after
        if not over:
            return
        if _value(acting, "overflow") != "drop-head":
            self.full += 1
        elif _value(after, "dead-letter-exchange") is not None:
            self.dead_lettered += over
            self.dead_lettered_queues += 1
        else:
            self.dropped += over
            self.dropped_queues += 1


def _tightened(key: str, before: InForce, after: InForce) -> int | None:
    """Return the new limit if it is lower than before; None if it isn't, or isn't certain."""
    was, becomes = _value(before, key), _value(after, key)
    if not isinstance(becomes, int):
        return None
    return becomes if not isinstance(was, int) or becomes < was else None


def _value(found: InForce, key: str) -> object:
    setting = found.of(key)
    return None if setting is None else setting.value
