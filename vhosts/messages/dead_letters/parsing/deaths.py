"""The deaths of a message, from `x-death` and the headers beside it.

RabbitMQ adds an entry for each pair of queue and reason, the latest first, and counts repeated ones.
`x-first-death-*` names the first; 4.x adds `x-last-death-*`. Publishers can send these headers too, so
nothing in them is taken for granted: whatever has another type is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

REASONS = ("rejected", "expired", "maxlen", "delivery_limit")
#: Entries and routing keys that are read of one message, and the longest name that RabbitMQ has.
_MOST_DEATHS = 50
_MOST_KEYS = 20
_MOST_NAME = 255
#: No death is later than this; larger numbers aren't times.
_LATEST = datetime(9000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Death:
    """One queue that the message died in, for one reason. `count` is how often, at least 1. `exchange` and
    `routing_keys` are those that it was published to before it came there; `exchange` None: unknown."""

    queue: str
    reason: str
    count: int = 1
    exchange: str | None = None
    routing_keys: tuple[str, ...] = ()
    at: datetime | None = None
    #: Milliseconds that it was to live, which RabbitMQ removed; "" for none.
    expiration: str = ""


@dataclass(frozen=True, slots=True)
class Deaths:
    """All deaths of a message, the latest first. `incomplete`: some entries couldn't be read."""

    entries: tuple[Death, ...] = ()
    first: Death | None = None
    last: Death | None = None
    incomplete: bool = False

    @property
    def times(self) -> int:
        """How often the message died in its first queue, for any reason; 0 if it never died."""
        if self.first is None:
            return 0
        return sum(one.count for one in self.entries if one.queue == self.first.queue) or 1


def deaths_of(headers: Mapping[str, Any]) -> Deaths:
    """Return what the headers say; without entries if they say nothing readable."""
    given = headers.get("x-death")
    rows = given if isinstance(given, list) else []
    entries = tuple(one for row in rows[:_MOST_DEATHS] if (one := _death(row)) is not None)
    incomplete = (given is not None and not isinstance(given, list)) or len(entries) < len(rows)
    first = _named(headers, "first", entries) or (entries[-1] if entries else None)
    last = (entries[0] if entries else None) or _named(headers, "last", entries)
    return Deaths(entries, first, last, incomplete)


def _death(row: Any) -> Death | None:
    if not isinstance(row, Mapping):
        return None
    queue, reason = _text(row.get("queue")), _text(row.get("reason"))
    if not queue or not reason:
        return None
    keys = row.get("routing-keys")
    texts = [_text(one) for one in keys[:_MOST_KEYS]] if isinstance(keys, list) else []
    return Death(
        queue,
        reason,
        _count(row.get("count")),
        _text(row.get("exchange")),
        tuple(one for one in texts if one is not None),
        _time(row.get("time")),
        _text(row.get("original-expiration")) or "",
    )


def _named(headers: Mapping[str, Any], which: str, entries: tuple[Death, ...]) -> Death | None:
    """Return the death that `x-first-death-*` or `x-last-death-*` names, with all that its entry says."""
    queue = _text(headers.get(f"x-{which}-death-queue"))
    reason = _text(headers.get(f"x-{which}-death-reason"))
    if not queue or not reason:
        return None
    known = (one for one in reversed(entries) if (one.queue, one.reason) == (queue, reason))
    found = next(known, None)
    if found is not None:
        return found
    return Death(queue, reason, exchange=_text(headers.get(f"x-{which}-death-exchange")))


def _text(value: Any) -> str | None:
    """Return a name; None if it can't be one."""
    if isinstance(value, bytes):
        try:
            value = value.decode()
        except UnicodeDecodeError:
            return None
    if not isinstance(value, str) or len(value.encode(errors="replace")) > _MOST_NAME:
        return None
    return value


def _count(value: Any) -> int:
    plain = isinstance(value, int) and not isinstance(value, bool)
    return value if plain and 1 <= value < 2**31 else 1


def _time(value: Any) -> datetime | None:
    """Return a time of AMQP, which pika decodes without a zone, in UTC."""
    if isinstance(value, datetime):
        at = value if value.tzinfo else value.replace(tzinfo=UTC)
        return at if at < _LATEST else None
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**33:
        return datetime.fromtimestamp(value, UTC)
    return None
