"""Sum up history over 5 minutes and over an hour.

A bucket has a row for each queue that changed in it (vhosts.history.tables.rollups says how to
read them). Rows are computed only from snapshots and known spans. So computing them again gives
the same result, and an outage can be made up for as long as the snapshots are kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog
from django.db import (
    DatabaseError,
    DataError,
    IntegrityError,
    InternalError,
    ProgrammingError,
    connection,
    transaction,
)

from console.background.each_alone import each_alone
from console.models import Broker
from vhosts.history import partitions
from vhosts.history.rate_rollups import FILL_RATES
from vhosts.models import RollupGap, RollupMark

log = structlog.get_logger(__name__)

#: Postgres errors that may concern only some rows. Any other error concerns all of them: no
#: connection, a full disk, a lock held by somebody.
OF_THE_ROWS = (DataError, IntegrityError, InternalError, ProgrammingError)
#: A poll may write rows of its slot until its lease expires; a bucket is closed only after that.
SETTLED = timedelta(minutes=2)
#: Maximum number of buckets per run; the rest waits for the next beat.
_AT_MOST = 300


@dataclass(frozen=True)
class Rollup:
    """`fill` is the statement that computes a bucket from `sources`, which have rows by time `at`;
    the first of them keeps them longest."""

    name: str
    table: str
    width: timedelta
    fill: str
    sources: tuple[str, ...]


def fill(now: datetime) -> dict[str, int]:
    """Fill every rollup. Return the number of rows written, by rollup name. Raises like
    `fill_one`."""
    return {rollup.name: fill_one(rollup, now) for rollup in ROLLUPS}


def fill_one(rollup: Rollup, now: datetime) -> int:
    """Fill every bucket that has closed by `now`, oldest first. Return the number of rows written.

    Each bucket and its mark are one transaction: a worker that dies loses one bucket's work. Two
    runs at once wait for each other. A broker whose part of a bucket can't be computed blocks no
    other: it is skipped, stored as a RollupGap, and retried on every run. Raises SomeFailed after
    all other work is done.
    """
    written = 0
    for _ in range(_AT_MOST):
        rows = _fill_next(rollup, now)
        if rows is None:
            break
        written += rows
    return written + _fill_gaps(rollup, now)


def _fill_next(rollup: Rollup, now: datetime) -> int | None:
    """Fill the next bucket. Return its number of rows, or None if no bucket has closed yet."""
    with transaction.atomic():
        mark, _made = RollupMark.objects.select_for_update().get_or_create(
            name=rollup.name, defaults={"done_until": _beginning(rollup, now)}
        )
        start = _next_bucket(rollup, mark.done_until, now)
        if start is None:
            return None
        _hold_brokers()
        partitions.make_for(rollup.table, start)
        try:
            with transaction.atomic():
                rows = fill_bucket(rollup, start)
        except OF_THE_ROWS as error:
            rows = _fill_by_broker(rollup, start, error)
        mark.done_until = start + rollup.width
        mark.save(update_fields=["done_until"])
        return rows


def _hold_brokers() -> None:
    """Lock the brokers, so that none is removed while its rollups are written. Waits for a removal
    that is running."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM console_broker ORDER BY id FOR KEY SHARE")


def _fill_by_broker(rollup: Rollup, start: datetime, error: DatabaseError) -> int:
    """Fill a bucket that failed as a whole, broker by broker. Raises `error` if it fails for all
    of several brokers."""
    rows, failed = 0, []
    brokers = list(Broker.objects.order_by("pk").values_list("pk", flat=True))
    for broker_id in brokers:
        try:
            with transaction.atomic():
                rows += fill_bucket(rollup, start, broker_id)
        except OF_THE_ROWS:
            log.exception("rollup_failed", rollup=rollup.name, broker=broker_id, bucket=str(start))
            failed.append(broker_id)
    if len(failed) == len(brokers) > 1:
        raise error
    RollupGap.objects.bulk_create(
        [RollupGap(rollup=rollup.name, broker_id=pk, bucket_at=start) for pk in failed],
        ignore_conflicts=True,
    )
    return rows


def _fill_gaps(rollup: Rollup, now: datetime) -> int:
    """Retry missing parts. If one fails, its broker's others wait for the next run. A part whose
    snapshots were dropped can't be computed any more and is given up."""
    gaps = RollupGap.objects.filter(rollup=rollup.name).select_related("broker")
    gaps.filter(bucket_at__lt=_oldest_kept(rollup, now)).delete()
    written: list[int] = []
    by_broker: dict[Broker, list[RollupGap]] = {}
    for gap in gaps.order_by("bucket_at")[:_AT_MOST]:
        by_broker.setdefault(gap.broker, []).append(gap)

    def refill(of_one: list[RollupGap]) -> None:
        for gap in of_one:
            with transaction.atomic():
                _hold_brokers()
                partitions.make_for(rollup.table, gap.bucket_at)
                written.append(fill_bucket(rollup, gap.bucket_at, gap.broker_id))
                gap.delete()

    each_alone((f"Broker {b.name}", partial(refill, of_one)) for b, of_one in by_broker.items())
    return sum(written)


def _next_bucket(rollup: Rollup, done_until: datetime, now: datetime) -> datetime | None:
    """Return the start of the next bucket to fill, or None if none has closed yet. Buckets without
    changes are skipped: a console that was off for weeks has many."""
    last = _floor(now - SETTLED, rollup.width) - rollup.width
    start = max(done_until, _floor(_oldest_kept(rollup, now), rollup.width))
    if start > last:
        return None
    first = _first_change(rollup, start, last + rollup.width)
    return last if first is None else _floor(first, rollup.width)


def _first_change(rollup: Rollup, start: datetime, end: datetime | None = None) -> datetime | None:
    """Return the time of the first change of any queue. An index on time finds the pages; the run
    that they are in is small."""
    with connection.cursor() as cursor:
        for hours in (1, 24, None):
            until = end if hours is None else start + timedelta(hours=hours)
            if end is not None and until is not None:
                until = min(until, end)
            firsts = ", ".join(
                f"(SELECT min(at) FROM {table} WHERE at >= %(start)s"  # noqa: S608 – our own tables
                " AND at < coalesce(%(end)s, 'infinity'::timestamptz))"
                for table in rollup.sources
            )
            cursor.execute(f"SELECT least({firsts})", {"start": start, "end": until})
            (found,) = cursor.fetchone()
            if found is not None:
                return found  # type: ignore[no-any-return]
    return None


def _beginning(rollup: Rollup, now: datetime) -> datetime:
    """Return where a console without rollups starts: at its first snapshot."""
    return _floor(_first_change(rollup, _oldest_kept(rollup, now)) or now, rollup.width)


def _oldest_kept(rollup: Rollup, now: datetime) -> datetime:
    """Return the time from which on no row of its source and of this rollup has been dropped."""
    return max(
        partitions.kept_from(rollup.sources[0], now), partitions.kept_from(rollup.table, now)
    )


def _floor(moment: datetime, width: timedelta) -> datetime:
    seconds = int(moment.timestamp())
    return datetime.fromtimestamp(seconds - seconds % int(width.total_seconds()), UTC)


def fill_bucket(rollup: Rollup, start: datetime, broker_id: int | None = None) -> int:
    """Compute the bucket again, for one broker or for all. Return its number of rows."""
    with connection.cursor() as cursor:
        cursor.execute(
            rollup.fill.format(table=rollup.table),
            {"start": start, "end": start + rollup.width, "broker": broker_id},
        )
        return int(cursor.rowcount)


# touched:  queues with a change in the bucket that still exist here. A snapshot may outlive its
#           queue, a rollup may not: so each queue is locked until its row is written.
# changes:  each change in the bucket, and the value at its start
# holding:  each of them with the time from-to during which it was valid
# known:    the parts of that within known spans, with their weight in seconds
_FILL = """
WITH inside AS MATERIALIZED (
    SELECT queue_id, at, ready, unacked FROM vhosts_queue_snapshot
    WHERE at >= %(start)s AND at < %(end)s
    UNION ALL
    SELECT queue_id, at, ready, unacked FROM vhosts_queue_recent
    WHERE at >= %(start)s AND at < %(end)s
), touched AS MATERIALIZED (
    SELECT q.id AS queue_id, q.broker_id FROM vhosts_queue q
    WHERE q.id IN (SELECT queue_id FROM inside)
      AND (%(broker)s::bigint IS NULL OR q.broker_id = %(broker)s::bigint)
    ORDER BY q.id FOR KEY SHARE
), changes AS (
    SELECT i.* FROM inside i JOIN touched USING (queue_id)
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
    JOIN touched q USING (queue_id)
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

_DEPTHS = (_FILL, ("vhosts_queue_snapshot", "vhosts_queue_recent"))
_RATES = (FILL_RATES, ("vhosts_queue_rate",))
ROLLUPS = (
    Rollup("5m", "vhosts_queue_rollup_5m", timedelta(minutes=5), *_DEPTHS),
    Rollup("1h", "vhosts_queue_rollup_1h", timedelta(hours=1), *_DEPTHS),
    Rollup("rates_5m", "vhosts_queue_rate_5m", timedelta(minutes=5), *_RATES),
    Rollup("rates_1h", "vhosts_queue_rate_1h", timedelta(hours=1), *_RATES),
)
