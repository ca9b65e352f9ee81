"""Time ranges as a URL gives them: `range=24h`, or `from=` and `to=` with their zone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from console.errors import InvalidField

RANGES: Mapping[str, tuple[str, timedelta]] = {
    "1h": ("1 hour", timedelta(hours=1)),
    "6h": ("6 hours", timedelta(hours=6)),
    "24h": ("24 hours", timedelta(hours=24)),
    "7d": ("7 days", timedelta(days=7)),
}
DEFAULT_RANGE = "1h"
LONGEST = timedelta(days=3660)
_SHORTEST = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class TimeRange:
    """A time range. `name` is a key of RANGES: such a range moves with the clock. It is "" if
    `from` and `to` were given: that range is fixed."""

    start: datetime
    end: datetime
    name: str = ""

    @property
    def is_live(self) -> bool:
        return bool(self.name)

    def parameters(self) -> dict[str, str]:
        if self.name:
            return {"range": self.name}
        return {"from": _written(self.start), "to": _written(self.end)}


def read_range(parameters: Mapping[str, str], *, now: datetime) -> TimeRange:
    """Read the range from URL parameters. Raises InvalidField with `range`, `from` or `to`."""
    first, last = parameters.get("from", ""), parameters.get("to", "")
    if not first and not last:
        name = parameters.get("range") or DEFAULT_RANGE
        if name not in RANGES:
            raise InvalidField("range", f"range must be one of {', '.join(RANGES)}.")
        return TimeRange(now - RANGES[name][1], now, name)
    end = read_time("to", last) if last else now
    start = read_time("from", first) if first else end - RANGES[DEFAULT_RANGE][1]
    if start >= end:
        raise InvalidField("from", "from must be before to.")
    if end - start > LONGEST:
        raise InvalidField("from", "from and to can be at most ten years apart.")
    if end - start < _SHORTEST:
        raise InvalidField("to", "from and to must be at least 10 seconds apart.")
    if start > now:
        raise InvalidField("from", "from is in the future.")
    return TimeRange(start, end)


def read_time(field: str, text: str) -> datetime:
    """Return an ISO 8601 time with a zone as UTC. Raises InvalidField."""
    try:
        if len(text) > 40:
            raise ValueError
        at = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidField(
            field, f"{field} must be an ISO 8601 time such as 2026-03-01T12:00:00Z."
        ) from None
    if at.tzinfo is None:
        raise InvalidField(field, f"{field} needs a time zone, such as a Z at its end for UTC.")
    if not 2000 <= at.year <= 2200:
        raise InvalidField(field, f"{field} must be between the years 2000 and 2200.")
    return at.astimezone(UTC)


def _written(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")
