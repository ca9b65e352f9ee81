"""Read depths over time: of one queue, or of a page of queues.

Stored history is sparse (vhosts.history.tables.snapshots, rollups, spans). The result has one
point per step, None where nothing is known: no poll, a disabled broker, a queue that wasn't
listed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any, Literal

from django.conf import settings
from django.db import connection

from vhosts.history.grid import known_spans, moment, seconds_of, step_of
from vhosts.history.steps import Change, Point, Span, Steps, Summary
from vhosts.models import Queue

__all__ = [
    "Point",
    "Series",
    "series",
    "sparklines",
]

Source = Literal["raw", "5m", "1h"]
WIDTH: dict[Source, int] = {"raw": 1, "5m": 300, "1h": 3600}
_TABLE: dict[Source, str] = {"5m": "vhosts_queue_rollup_5m", "1h": "vhosts_queue_rollup_1h"}
SPARKLINE_POINTS = 13
_SPARKLINE_STEP = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Series:
    """A queue's history. `source` is what was read: every change, or rollups of 5 minutes or an
    hour."""

    step_s: int
    source: Source
    points: list[Point]


def series(
    queue: Queue, *, start: datetime, end: datetime, step_s: int | None = None, now: datetime
) -> Series:
    """Return the depth of `queue` from `start` to `end`, at most to `now`.

    Without `step_s`, the step is chosen for at most about 1,000 points. A step finer than what is
    still stored for that time is widened: see `step_s` of the result. Raises InvalidField with
    `from`, `to` or `step`.
    """
    begin, stop = seconds_of(start, end, now)
    step = step_of(begin, stop, step_s, least=queue.broker.poll_interval_s)
    source = _source(begin, stop, step, now)
    width = WIDTH[source]
    step = -(-step // width) * width
    steps = Steps(begin, stop, step)
    if begin >= stop:
        return Series(step, source, [])
    spans = known_spans(queue.broker_id, begin - begin % width, stop)
    if source == "raw":
        steps.add_changes(_changes(queue, begin, stop), spans, stop)
    else:
        _add_rollups(steps, queue, source, begin - begin % width, stop, spans)
    return Series(step, source, steps.points())


def sparklines(queue_ids: Sequence[int], *, now: datetime) -> dict[int, list[int | None]]:
    """Return for each queue the sum of its ready and unacked messages every 5 minutes of the last
    hour: 13 values, oldest first, the last one current; None if unknown. One query."""
    instants = [
        now - (SPARKLINE_POINTS - 1 - number) * _SPARKLINE_STEP
        for number in range(SPARKLINE_POINTS)
    ]
    lines: dict[int, list[int | None]] = {}
    if not queue_ids:
        return lines
    with connection.cursor() as cursor:
        cursor.execute(_SPARKLINES, {"ids": list(queue_ids), "instants": instants, "now": now})
        for queue_id, values in cursor.fetchall():
            lines[queue_id] = values
    return lines


#: A poll is always a little late: until it is stale, the newest span extends to `now`.
_SPARKLINES = """
SELECT q.id, array_agg(
    CASE WHEN NOT EXISTS (
        SELECT FROM vhosts_knownspan k
        WHERE k.broker_id = q.broker_id AND k.from_at <= i.at
          AND (CASE WHEN i.at = %(now)s
               THEN k.until_at + (k.until_at - k.last_at) + interval '5 s' ELSE k.until_at END) > i.at
    ) THEN NULL
    WHEN q.depth_changed_at <= i.at THEN q.ready + q.unacked
    ELSE (SELECT depth FROM (
              (SELECT s.ready + s.unacked AS depth FROM vhosts_queue_recent s
               WHERE s.queue_id = q.id AND s.at <= i.at ORDER BY s.at DESC LIMIT 1)
              UNION ALL
              (SELECT s.ready + s.unacked FROM vhosts_queue_snapshot s
               WHERE s.queue_id = q.id AND s.at <= i.at ORDER BY s.at DESC LIMIT 1)
          ) known LIMIT 1)
    END ORDER BY i.at)
FROM vhosts_queue q CROSS JOIN unnest(%(instants)s::timestamptz[]) AS i(at)
WHERE q.id = ANY(%(ids)s)
GROUP BY q.id
"""


def _source(begin: int, stop: int, step: int, now: datetime) -> Source:
    """Return the coarsest source that loses nothing at this step, among those that still cover the
    time."""

    def kept(days: int) -> bool:
        return begin >= int((now - timedelta(days=days)).timestamp())

    if kept(settings.KEEP_SNAPSHOTS_DAYS) and (step % 300 or stop - begin < 86400):
        return "raw"
    if kept(settings.KEEP_ROLLUPS_5M_DAYS) and (step % 3600 or stop - begin < 14 * 86400):
        return "5m"
    return "1h"


def _changes(queue: Queue, begin: int, stop: int) -> list[Change]:
    """Return the depth at `begin`, and each change after it and before `stop`."""
    with connection.cursor() as cursor:
        cursor.execute(_CHANGES, {"queue": queue.pk, "from": moment(begin), "to": moment(stop)})
        rows = sorted(map(Change._make, cursor.fetchall()), key=attrgetter("at"))
    return [_opening(queue, begin), *rows]


#: Sorted here: rows are stored in runs of half an hour, so sorting costs almost nothing.
_CHANGES = """
SELECT extract(epoch FROM at)::bigint, ready, unacked FROM vhosts_queue_snapshot
WHERE queue_id = %(queue)s AND at > %(from)s AND at < %(to)s
UNION ALL
SELECT extract(epoch FROM at)::bigint, ready, unacked FROM vhosts_queue_recent
WHERE queue_id = %(queue)s AND at > %(from)s AND at < %(to)s
"""


def _opening(queue: Queue, begin: int) -> Change:
    """Return the depth at `begin`: the current one if the queue hasn't changed since; else the
    last change before, from the finest table that has one."""
    at = moment(begin)
    if queue.depth_changed_at is not None and queue.depth_changed_at <= at:
        return Change(begin, queue.ready, queue.unacked)
    with connection.cursor() as cursor:
        cursor.execute(_OPENING, {"queue": queue.pk, "at": at})
        row = cursor.fetchone()
    return Change(begin, *row) if row else Change(begin, None, None)


#: Newest first; each branch runs only if the ones before it found nothing.
_OPENING = """
(SELECT ready, unacked FROM vhosts_queue_recent
 WHERE queue_id = %(queue)s AND at <= %(at)s ORDER BY at DESC LIMIT 1)
UNION ALL
(SELECT ready, unacked FROM vhosts_queue_snapshot
 WHERE queue_id = %(queue)s AND at <= %(at)s ORDER BY at DESC LIMIT 1)
UNION ALL
(SELECT ready_last, unacked_last FROM vhosts_queue_rollup_5m
 WHERE queue_id = %(queue)s AND bucket_at <= %(at)s - interval '5 min'
 ORDER BY bucket_at DESC LIMIT 1)
UNION ALL
(SELECT ready_last, unacked_last FROM vhosts_queue_rollup_1h
 WHERE queue_id = %(queue)s AND bucket_at <= %(at)s - interval '1 h'
 ORDER BY bucket_at DESC LIMIT 1)
LIMIT 1
"""


def _add_rollups(
    steps: Steps, queue: Queue, source: Source, begin: int, stop: int, spans: list[Span]
) -> None:
    """Add rollups up to where they are filled, and every change from there on."""
    width = WIDTH[source]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT extract(epoch FROM done_until)::bigint FROM vhosts_rollupmark WHERE name = %s",
            [source],
        )
        row = cursor.fetchone()
        filled = min(row[0], stop - stop % width) if row else begin
        cursor.execute(
            f"SELECT extract(epoch FROM bucket_at)::bigint, ready_min, ready_max, ready_avg,"  # noqa: S608
            f" unacked_min, unacked_max, unacked_avg, ready_last, unacked_last, known_s"
            f" FROM {_TABLE[source]} WHERE queue_id = %s AND bucket_at >= %s AND bucket_at < %s"
            f" ORDER BY bucket_at",
            [queue.pk, moment(begin), moment(filled)],
        )
        rows = [_summary(row) for row in cursor.fetchall()]
    # Between the rows, the last closing values stay valid.
    opening = _opening(queue, begin)
    for summary in rows:
        steps.add_changes([opening], spans, summary.at)
        steps.add_summary(summary)
        opening = Change(summary.at + width, *summary.closing)
    steps.add_changes([opening], spans, filled)
    if filled < stop:
        steps.add_changes(_changes(queue, max(begin, filled), stop), spans, stop)


def _summary(row: tuple[Any, ...]) -> Summary:
    return Summary(
        at=row[0],
        ready=row[1:4] if row[3] is not None else None,
        unacked=row[4:7] if row[6] is not None else None,
        closing=(row[7], row[8]),
        known_s=row[9],
    )
