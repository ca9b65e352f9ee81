"""When a growing figure reaches a limit, with a band. Pure: works for depths, memory, disk space.

Method: least squares over the points since the lowest one of the last hours, because a queue that
was empty until ten minutes ago should be judged by those ten minutes. The band is three standard
errors of the slope either way, widened because neighbouring points resemble each other; a test
counts how often the true time is inside.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Literal

METHOD = (
    "Forecast: a straight line fitted to the depth since its lowest point of the last 3 hours, "
    "give or take three standard errors."
)
#: How far back points are read, and how far apart they are.
LOOKS_BACK = timedelta(hours=3)
STEP_S = 60
#: Fewer points, or a shorter time, aren't enough.
LEAST_POINTS = 8
LEAST_S = 8 * 60
#: Beyond this, a straight line says nothing.
FAR_S = 7 * 86400

#: The width of the band, in standard errors of the slope.
_ERRORS = 3

State = Literal["reaches", "at_limit", "not_growing", "uneven", "far", "too_little"]


@dataclass(frozen=True, slots=True)
class Forecast:
    """Times are seconds from the last point. `slope` is per second.

    `soonest` and `latest` are the band of `after`; all three are None unless `state` is "reaches".
    `uneven`: it grows, but so unevenly that it may never get there. `far`: not within FAR_S.
    `seconds` is the time that the fitted points span.
    """

    state: State
    slope: float = 0.0
    after: float | None = None
    soonest: float | None = None
    latest: float | None = None
    seconds: float = 0.0


def forecast(points: Sequence[tuple[float, float | None]], limit: float) -> Forecast:
    """Return when the figure reaches `limit`. `points` are (Unix seconds, value), oldest first; None
    is a gap and is left out."""
    known = [(at, value) for at, value in points if value is not None]
    if not known:
        return Forecast("too_little")
    if known[-1][1] >= limit:
        return Forecast("at_limit")
    low = min(range(len(known)), key=lambda place: (known[place][1], -place))
    if low == len(known) - 1 and len(known) >= LEAST_POINTS:
        return Forecast("not_growing")
    since = known[low:]
    seconds = since[-1][0] - since[0][0]
    if len(since) < LEAST_POINTS or seconds < LEAST_S:
        return Forecast("too_little", seconds=seconds)
    slope, here, error = _fit(since)
    if slope <= 0 or slope * FAR_S < limit - here:
        return Forecast("far" if slope > 0 else "not_growing", slope, seconds=seconds)
    room = max(0.0, limit - here)
    fast, slow = slope + _ERRORS * error, slope - _ERRORS * error
    if slow <= 0:
        return Forecast("uneven", slope, seconds=seconds)
    return Forecast("reaches", slope, room / slope, room / fast, room / slow, seconds)


def _fit(points: Sequence[tuple[float, float]]) -> tuple[float, float, float]:
    """Return the slope, the fitted value at the last point, and the slope's standard error."""
    count = len(points)
    mid_at = sum(at for at, _ in points) / count
    mid = sum(value for _, value in points) / count
    spread = sum((at - mid_at) ** 2 for at, _ in points)
    slope = sum((at - mid_at) * (value - mid) for at, value in points) / spread
    rests = [value - mid - slope * (at - mid_at) for at, value in points]
    squares = sum(rest * rest for rest in rests)
    error = math.sqrt(squares / (count - 2) / spread)
    alike = _autocorrelation(rests, squares)
    return (
        slope,
        mid + slope * (points[-1][0] - mid_at),
        error * math.sqrt((1 + alike) / (1 - alike)),
    )


def _autocorrelation(rests: Sequence[float], squares: float) -> float:
    """Return how much each rest resembles the one before: 0 not at all, at most 0.95."""
    if squares <= 0:
        return 0.0
    lagged = sum(a * b for a, b in pairwise(rests)) / squares
    return min(0.95, max(0.0, lagged))


def about(seconds: float) -> str:
    """`740` → "≈12 min". Whole units: an estimate has no seconds."""
    if seconds < 90:
        return "about a minute"
    if seconds < 5400:
        return f"≈{round(seconds / 60)} min"
    if seconds < 2 * 86400:
        return f"≈{round(seconds / 3600)} h"
    return f"≈{round(seconds / 86400)} days"
