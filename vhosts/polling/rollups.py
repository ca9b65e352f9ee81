"""History summed up over 5 minutes and over an hour.

A bucket gets a row for each queue that changed in it (vhosts.models.rollups says how it is read).
Rows are computed from the snapshots and the spans of known time alone, so computing them again gives
the same, and an outage is caught up with as long as the snapshots are kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import connection, transaction

from vhosts.models import RollupMark

#: A poll writes rows of its slot until its lease has lapsed; a bucket is closed only after that.
SETTLED = timedelta(minutes=2)
#: Buckets filled in one go; what is left waits for the next beat.
_AT_MOST = 300


@dataclass(frozen=True)
class Rollup:
    name: str
    table: str
    width: timedelta


ROLLUPS = (
    Rollup("5m", "vhosts_queue_rollup_5m", timedelta(minutes=5)),
    Rollup("1h", "vhosts_queue_rollup_1h", timedelta(hours=1)),
)


def fill(now: datetime) -> dict[str, int]:
    """Fills every bucket that has closed by `now`, oldest first; how many rows were written, by name
    of the rollup. Each bucket and its mark in one transaction: a worker that dies loses one bucket's
    work. Two at once wait for each other."""
    return {rollup.name: _fill(rollup, now) for rollup in ROLLUPS}


def _fill(rollup: Rollup, now: datetime) -> int:
    written = 0
    for _ in range(_AT_MOST):
        with transaction.atomic():
            mark, _made = RollupMark.objects.select_for_update().get_or_create(
                name=rollup.name, defaults={"done_until": _beginning(rollup, now)}
            )
            start = _next_bucket(rollup, mark.done_until, now)
            if start is None:
                return written
            written += fill_bucket(rollup, start)
            mark.done_until = start + rollup.width
            mark.save(update_fields=["done_until"])
    return written


def _next_bucket(rollup: Rollup, done_until: datetime, now: datetime) -> datetime | None:
    """The start of the next bucket to fill, None where none has closed yet. Buckets without any change
    are jumped over: a console that was switched off for weeks has many."""
    last = _floor(now - SETTLED, rollup.width) - rollup.width
    start = max(done_until, _floor(_oldest_kept(now), rollup.width))
    if start > last:
        return None
    first = _first_change(start, last + rollup.width)
    return last if first is None else _floor(first, rollup.width)


def _first_change(start: datetime, end: datetime | None = None) -> datetime | None:
    """Of any queue. An index on time finds the pages; the run they lie in is small."""
    with connection.cursor() as cursor:
        for hours in (1, 24, None):
            until = end if hours is None else start + timedelta(hours=hours)
            if end is not None and until is not None:
                until = min(until, end)
            cursor.execute(
                "SELECT least((SELECT min(at) FROM vhosts_queue_snapshot WHERE at >= %(start)s"
                " AND at < coalesce(%(end)s, 'infinity'::timestamptz)),"
                " (SELECT min(at) FROM vhosts_queue_recent WHERE at >= %(start)s"
                " AND at < coalesce(%(end)s, 'infinity'::timestamptz)))",
                {"start": start, "end": until},
            )
            (found,) = cursor.fetchone()
            if found is not None:
                return found  # type: ignore[no-any-return]
    return None


def _beginning(rollup: Rollup, now: datetime) -> datetime:
    """Where a console that never summed up begins: at its first snapshot."""
    return _floor(_first_change(_oldest_kept(now)) or now, rollup.width)


def _oldest_kept(now: datetime) -> datetime:
    """The first moment from which no snapshot has been dropped."""
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=int(settings.KEEP_SNAPSHOTS_DAYS))


def _floor(moment: datetime, width: timedelta) -> datetime:
    seconds = int(moment.timestamp())
    return datetime.fromtimestamp(seconds - seconds % int(width.total_seconds()), UTC)


def fill_bucket(rollup: Rollup, start: datetime) -> int:
    """Computes the bucket anew; how many rows it has."""
    with connection.cursor() as cursor:
        cursor.execute(
            _FILL.format(table=rollup.table), {"start": start, "end": start + rollup.width}
        )
        return int(cursor.rowcount)


# changes:  each change in the bucket, and what was in force when it opened
# holding:  from when to when each of them held
# known:    as much of that as lies in a span of known time, with its weight in seconds
_FILL = """
WITH inside AS MATERIALIZED (
    SELECT queue_id, at, ready, unacked FROM vhosts_queue_snapshot
    WHERE at >= %(start)s AND at < %(end)s
    UNION ALL
    SELECT queue_id, at, ready, unacked FROM vhosts_queue_recent
    WHERE at >= %(start)s AND at < %(end)s
), touched AS (
    SELECT DISTINCT queue_id FROM inside
), changes AS (
    SELECT * FROM inside
    UNION ALL
    SELECT t.queue_id, %(start)s - interval '1 us', o.ready, o.unacked
    FROM touched t CROSS JOIN LATERAL (
        SELECT * FROM (
            (SELECT s.ready, s.unacked FROM vhosts_queue_recent s
             WHERE s.queue_id = t.queue_id AND s.at < %(start)s ORDER BY s.at DESC LIMIT 1)
            UNION ALL
            (SELECT s.ready, s.unacked FROM vhosts_queue_snapshot s
             WHERE s.queue_id = t.queue_id AND s.at < %(start)s ORDER BY s.at DESC LIMIT 1)
            UNION ALL
            (SELECT r.ready_last, r.unacked_last FROM vhosts_queue_rollup_1h r
             WHERE r.queue_id = t.queue_id AND r.bucket_at < %(start)s
             ORDER BY r.bucket_at DESC LIMIT 1)
        ) known LIMIT 1
    ) o
), holding AS (
    SELECT queue_id, at, ready, unacked, greatest(at, %(start)s) AS from_at,
           coalesce(lead(at) OVER (PARTITION BY queue_id ORDER BY at), %(end)s) AS until_at
    FROM changes
), known AS (
    SELECT h.queue_id, h.ready, h.unacked,
           extract(epoch FROM least(h.until_at, k.until_at) - greatest(h.from_at, k.from_at)) AS w
    FROM holding h
    JOIN vhosts_queue q ON q.id = h.queue_id
    JOIN vhosts_knownspan k ON k.broker_id = q.broker_id
         AND k.from_at < h.until_at AND k.until_at > h.from_at
    WHERE h.ready IS NOT NULL
), summed AS (
    SELECT queue_id, min(ready) AS ready_min, max(ready) AS ready_max,
           sum(ready * w) / sum(w) AS ready_avg,
           min(unacked) AS unacked_min, max(unacked) AS unacked_max,
           sum(unacked * w) / nullif(sum(w) FILTER (WHERE unacked IS NOT NULL), 0) AS unacked_avg,
           sum(w) AS known_s
    FROM known WHERE w > 0 GROUP BY queue_id
), closing AS (
    SELECT DISTINCT ON (queue_id) queue_id, ready, unacked FROM changes ORDER BY queue_id, at DESC
)
INSERT INTO {table} (queue_id, bucket_at, ready_min, ready_max, ready_avg,
       unacked_min, unacked_max, unacked_avg, ready_last, unacked_last, known_s)
SELECT c.queue_id, %(start)s, s.ready_min, s.ready_max, s.ready_avg,
       s.unacked_min, s.unacked_max, s.unacked_avg, c.ready, c.unacked,
       round(coalesce(s.known_s, 0))
FROM closing c LEFT JOIN summed s USING (queue_id)
ORDER BY c.queue_id
ON CONFLICT (queue_id, bucket_at) DO UPDATE SET
    ready_min = excluded.ready_min, ready_max = excluded.ready_max,
    ready_avg = excluded.ready_avg, unacked_min = excluded.unacked_min,
    unacked_max = excluded.unacked_max, unacked_avg = excluded.unacked_avg,
    ready_last = excluded.ready_last, unacked_last = excluded.unacked_last,
    known_s = excluded.known_s
"""
