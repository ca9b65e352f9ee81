"""When a figure reaches its limit if it continues as in the past hours. Pure arithmetic.

The trend is the median of the slopes between pairs of points (Theil and Sen): a few outliers, such as
a garbage collection, don't move it. The confidence is how well the pairs agree on the direction, and
how far the trend moved the figure compared with how far it scatters around it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Literal

Confidence = Literal["high", "medium", "low"]

#: A trend needs this much history.
LEAST_POINTS = 10
LEAST_SPAN = timedelta(minutes=30)
#: Further away than this, nothing is foretold.
HORIZON = timedelta(days=14)
#: More points make the pairs many, and the trend no better.
_MOST_POINTS = 120
#: The trend must have moved the figure by this share of the limit, or it counts as steady.
_LEAST_MOVE = 0.002
_AGREE_HIGH, _AGREE_MEDIUM = 0.9, 0.75


@dataclass(frozen=True, slots=True)
class Forecast:
    """`outcome` says what follows from the trend:

    - reached: the figure is at its limit or past it
    - expected: it reaches the limit at `at`, if the trend continues
    - away: it moves away from the limit, or stays: no time follows
    - distant: it would take longer than HORIZON
    - unclear: it moves, but up and down too much for a trend
    - unknown: too little history, or no limit

    `per_hour` is the trend, None if unknown. `hours` is the span of the history that was used.
    """

    outcome: Literal["reached", "expected", "away", "distant", "unclear", "unknown"]
    at: datetime | None = None
    per_hour: float | None = None
    confidence: Confidence | None = None
    hours: float | None = None


def forecast(
    points: Sequence[tuple[datetime, float | None]],
    limit: float | None,
    *,
    now: datetime,
    rising: bool = True,
) -> Forecast:
    """Return when the figure reaches `limit`. `rising`: the limit is a maximum; False: a minimum,
    such as of free disk space. None values are gaps."""
    known = [(at, float(value)) for at, value in points if value is not None]
    if limit is None or not known:
        return Forecast("unknown")
    newest = known[-1][1]
    left = (limit - newest) if rising else (newest - limit)
    if left <= 0:
        return Forecast("reached", at=known[-1][0])
    span = known[-1][0] - known[0][0]
    if len(known) < LEAST_POINTS or span < LEAST_SPAN:
        return Forecast("unknown")
    hours = span / timedelta(hours=1)
    slope, agree, scatter = _trend(_thinned(known))
    towards = slope if rising else -slope
    moved = abs(slope) * hours
    scale = abs(limit) or 1.0
    if moved < _LEAST_MOVE * scale or towards <= 0:
        return Forecast("away", per_hour=slope, hours=hours)
    if agree < _AGREE_MEDIUM and moved < scatter:
        return Forecast("unclear", per_hour=slope, hours=hours)
    ahead = left / towards
    if ahead > HORIZON / timedelta(hours=1):
        return Forecast("distant", per_hour=slope, hours=hours)
    if agree >= _AGREE_HIGH and ahead <= 4 * hours:
        confidence: Confidence = "high"
    elif agree >= _AGREE_MEDIUM:
        confidence = "medium"
    else:
        confidence = "low"
    return Forecast("expected", now + timedelta(hours=ahead), slope, confidence, hours)


def _thinned(known: Sequence[tuple[datetime, float]]) -> list[tuple[float, float]]:
    """Return at most _MOST_POINTS points as (hours since the first, median of the values)."""
    size = -(-len(known) // _MOST_POINTS)
    first = known[0][0]
    return [
        (
            (piece[len(piece) // 2][0] - first) / timedelta(hours=1),
            median(value for _, value in piece),
        )
        for piece in (known[at : at + size] for at in range(0, len(known), size))
    ]


def _trend(points: Sequence[tuple[float, float]]) -> tuple[float, float, float]:
    """Return the slope per hour, the share of pairs that agree with its direction, and how far the
    values scatter around the trend (median)."""
    slopes = [
        (later - earlier) / (end - begin)
        for position, (begin, earlier) in enumerate(points)
        for end, later in points[position + 1 :]
        if end > begin
    ]
    if not slopes:
        return 0.0, 0.0, 0.0
    slope = median(slopes)
    same = sum(1 for one in slopes if one * slope > 0)
    base = median(value - slope * at for at, value in points)
    scatter = median(abs(value - slope * at - base) for at, value in points)
    return slope, same / len(slopes), scatter
