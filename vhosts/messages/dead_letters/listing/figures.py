"""How the depth of dead letter queues changed: the last hour against the usual hour, and the last 7 days.

RabbitMQ doesn't count what a queue gets as dead letters. What arrived is at least by how much the depth
rose between polls; messages that came and went between two polls aren't seen.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import connection

WEEK = timedelta(days=7)
POINTS = 29
_STEP = WEEK / (POINTS - 1)
_HOUR = timedelta(hours=1)
#: With fewer known hours, nothing is usual yet.
_LEAST_HOURS = 24


@dataclass(frozen=True, slots=True)
class Figures:
    """`new` in the last hour and `usual` per hour in the 7 days before are lower bounds; None: unknown.
    `week` has POINTS depths, the oldest first, None where unknown; the last is current. `since`: when it was
    last seen empty within these days; None: not, or unknown."""

    new: int | None = None
    usual: float | None = None
    week: tuple[int | None, ...] = ()
    since: datetime | None = None

    @property
    def times(self) -> float | None:
        """How many times the usual arrived, from twice on; None: not more than usual, or unknown."""
        if self.new is None or self.usual is None or self.new < 10:
            return None
        ratio = self.new / max(self.usual, 1.0)
        return ratio if ratio >= 2 else None


def figures_of(queues: Sequence[tuple[int, int, int | None]], now: datetime) -> dict[int, Figures]:
    """Return figures by queue. `queues` are (queue's ID, broker's ID, current depth). Three queries."""
    if not queues:
        return {}
    ids = [queue for queue, _, _ in queues]
    hour = _hour(ids, now)
    closings = _closings(ids, now - WEEK, now)
    spans = _spans({broker for _, broker, _ in queues}, now - WEEK)
    found = {}
    for queue, broker, depth in queues:
        rows = closings.get(queue, [])
        usual, since = _usual(rows, spans[broker], now)
        week = _week(rows, spans[broker], depth, now)
        found[queue] = Figures(hour.get(queue), usual, week, since)
    return found


def _hour(ids: Sequence[int], now: datetime) -> dict[int, int]:
    with connection.cursor() as cursor:
        cursor.execute(_RISEN, {"ids": list(ids), "from": now - _HOUR})
        return {queue: int(risen) for queue, risen in cursor.fetchall() if risen is not None}


_RISEN = """
WITH changes AS (
    SELECT queue_id, at, ready + unacked AS depth FROM vhosts_queue_recent
    WHERE queue_id = ANY(%(ids)s) AND at > %(from)s
    UNION ALL
    SELECT queue_id, at, ready + unacked FROM vhosts_queue_snapshot
    WHERE queue_id = ANY(%(ids)s) AND at > %(from)s
    UNION ALL
    SELECT i.id, %(from)s, (
        SELECT depth FROM (
            (SELECT at, ready + unacked AS depth FROM vhosts_queue_recent r
             WHERE r.queue_id = i.id AND r.at <= %(from)s ORDER BY r.at DESC LIMIT 1)
            UNION ALL
            (SELECT at, ready + unacked FROM vhosts_queue_snapshot s
             WHERE s.queue_id = i.id AND s.at <= %(from)s ORDER BY s.at DESC LIMIT 1)
        ) known ORDER BY at DESC LIMIT 1)
    FROM unnest(%(ids)s::int[]) i(id)
), rises AS (
    SELECT queue_id, depth - lag(depth) OVER (PARTITION BY queue_id ORDER BY at) AS rise FROM changes
)
SELECT q.id, CASE WHEN q.total IS NOT NULL OR count(r.rise) > 0
                  THEN coalesce(sum(r.rise) FILTER (WHERE r.rise > 0), 0) END
FROM vhosts_queue q LEFT JOIN rises r ON r.queue_id = q.id
WHERE q.id = ANY(%(ids)s) GROUP BY q.id
"""


def _closings(
    ids: Sequence[int], start: datetime, end: datetime
) -> dict[int, list[tuple[datetime, int | None]]]:
    """Return (end of the bucket, depth then) by queue, in order: a row where something changed, and the
    last one before `start`."""
    found: dict[int, list[tuple[datetime, int | None]]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(_CLOSINGS, {"ids": list(ids), "from": start, "to": end})
        for queue, at, depth in cursor.fetchall():
            found[queue].append((at + _HOUR, depth))
    return found


_CLOSINGS = """
SELECT queue_id, bucket_at, ready_last + unacked_last FROM vhosts_queue_rollup_1h
WHERE queue_id = ANY(%(ids)s) AND bucket_at >= %(from)s AND bucket_at < %(to)s
UNION ALL
SELECT i.id, o.bucket_at, o.depth FROM unnest(%(ids)s::int[]) i(id), LATERAL (
    SELECT bucket_at, ready_last + unacked_last AS depth FROM vhosts_queue_rollup_1h
    WHERE queue_id = i.id AND bucket_at < %(from)s ORDER BY bucket_at DESC LIMIT 1
) o
ORDER BY 1, 2
"""


def _spans(brokers: set[int], start: datetime) -> dict[int, list[tuple[datetime, datetime]]]:
    found: dict[int, list[tuple[datetime, datetime]]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT broker_id, from_at, until_at FROM vhosts_knownspan"
            " WHERE broker_id = ANY(%s) AND until_at > %s ORDER BY broker_id, from_at",
            [list(brokers), start],
        )
        for broker, begin, end in cursor.fetchall():
            found[broker].append((begin, end))
    return found


def _usual(
    rows: Sequence[tuple[datetime, int | None]],
    spans: Sequence[tuple[datetime, datetime]],
    now: datetime,
) -> tuple[float | None, datetime | None]:
    """Return by how much the depth rose in an hour on average, and when it was last zero."""
    start = max(now - WEEK, rows[0][0]) if rows else now
    known = sum(
        (max(min(end, now) - max(begin, start), timedelta(0)) for begin, end in spans), timedelta(0)
    )
    risen, before, since = 0, None, None
    for at, depth in rows:
        if depth is not None and before is not None and depth > before:
            risen += depth - before
        if depth == 0:
            since = at
        before = depth if depth is not None else before
    hours = known / _HOUR
    return (risen / hours if hours >= _LEAST_HOURS else None), since


def _week(
    rows: Sequence[tuple[datetime, int | None]],
    spans: Sequence[tuple[datetime, datetime]],
    depth: int | None,
    now: datetime,
) -> tuple[int | None, ...]:
    times = [at for at, _ in rows]
    points: list[int | None] = []
    for number in range(POINTS - 1):
        at = now - WEEK + number * _STEP
        position = bisect_right(times, at)
        known = any(begin <= at < end for begin, end in spans)
        points.append(rows[position - 1][1] if position and known else None)
    return (*points, depth)


def earliest(times: Sequence[datetime | None]) -> datetime | None:
    """Return the earliest time that is known."""
    return min((at.astimezone(UTC) for at in times if at is not None), default=None)
