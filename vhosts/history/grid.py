"""The points of a chart: time limits, step width, and the spans with known values."""

from __future__ import annotations

from datetime import UTC, datetime

from django.db import connection

from console.errors import InvalidField
from vhosts.history.steps import Span

MAX_POINTS = 20_000
_AIM_POINTS = 1_000
_STEPS = (5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)


def seconds_of(start: datetime, end: datetime, now: datetime) -> Span:
    if start >= end:
        raise InvalidField("from", "from must be before to.")
    if start.year < 2000:
        raise InvalidField("from", "There's no history before the year 2000.")
    return int(start.timestamp()), max(int(min(end, now).timestamp()), int(start.timestamp()))


def step_of(begin: int, stop: int, asked: int | None, *, least: int) -> int:
    if asked is None:
        wanted = max((stop - begin) / _AIM_POINTS, least)
        return next((step for step in _STEPS if step >= wanted), -(-(stop - begin) // _AIM_POINTS))
    if asked < 1:
        raise InvalidField("step", "The step must be at least one second.")
    if (stop - begin) / asked > MAX_POINTS:
        raise InvalidField("step", f"That is more than {MAX_POINTS:,} points. Use a larger step.")
    return asked


def known_spans(broker_id: int, begin: int, stop: int) -> list[Span]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT extract(epoch FROM from_at)::bigint, extract(epoch FROM until_at)::bigint"
            " FROM vhosts_knownspan WHERE broker_id = %s AND from_at < %s AND until_at > %s"
            " ORDER BY from_at",
            [broker_id, moment(stop), moment(begin)],
        )
        return [(row[0], row[1]) for row in cursor.fetchall()]


def moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
