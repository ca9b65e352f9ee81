"""When a node runs out of memory, disk space or file descriptors, in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from console.faces.templatetags._text import lasted, sized
from vhosts.history.forecast import Forecast, forecast
from vhosts.nodes.model import Node
from vhosts.nodes.series import points_of

#: The history that a forecast looks at.
LOOKS_BACK = timedelta(hours=6)
METHOD = (
    "Median of the slopes between all pairs of minutes of the last 6 hours (Theil–Sen). Confidence: how many pairs "
    "agree on the direction."
)


@dataclass(frozen=True, slots=True)
class Outlook:
    """A figure of a node, its limit, and what the forecast says. `is_bad`: within a day."""

    label: str
    found: Forecast
    sentence: str
    is_bad: bool


def outlooks(node: Node, now: datetime) -> list[Outlook]:
    """Return the outlooks for memory, disk and file descriptors. Three queries."""
    return [
        _outlook(node, now, "Memory to its watermark", "mem_used", node.mem_limit),
        _outlook(node, now, "Disk to its limit", "disk_free", node.disk_free_limit, rising=False),
        _outlook(node, now, "File descriptors", "fd_used", node.fd_total, unit=""),
    ]


def _outlook(
    node: Node,
    now: datetime,
    label: str,
    column: str,
    limit: int | None,
    *,
    rising: bool = True,
    unit: str = "bytes",
) -> Outlook:
    points = points_of(node, column, start=now - LOOKS_BACK, end=now)
    # A figure that isn't current says nothing about the time left.
    fresh = node.running and not node.is_stale(now)
    found = forecast(points, limit, now=now, rising=rising) if fresh else Forecast("unknown")
    soon = found.at is not None and found.at - now < timedelta(days=1)
    return Outlook(label, found, in_words(found, now, unit=unit, fresh=fresh), soon)


def in_words(found: Forecast, now: datetime, *, unit: str, fresh: bool = True) -> str:
    """Return one sentence about the forecast."""
    if not fresh:
        return "Unknown: the node's figures aren't current."
    if found.outcome == "unknown":
        return "Unknown: a trend needs half an hour of history and a limit."
    if found.outcome == "reached":
        return "At its limit now."
    change = _per_hour(found.per_hour or 0.0, unit)
    if found.outcome == "away":
        return f"Not expected: {change} over the last {_hours(found)}."
    if found.outcome == "distant":
        return f"Not within 14 days: {change} over the last {_hours(found)}."
    if found.outcome == "unclear":
        return "No clear trend: the figure goes up and down."
    left = lasted(int(((found.at or now) - now).total_seconds()))
    return f"In about {left}, if it continues with {change} ({found.confidence} confidence)."


def _hours(found: Forecast) -> str:
    return lasted(int((found.hours or 0) * 3600))


def _per_hour(value: float, unit: str) -> str:
    sign = "+" if value > 0 else "−" if value < 0 else "±"
    if unit == "bytes":
        amount, size = sized(int(abs(value)))
        return f"{sign}{amount} {size} an hour"
    return f"{sign}{abs(value):,.1f} an hour"
