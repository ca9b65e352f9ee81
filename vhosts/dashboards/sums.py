"""Sums over many queues or brokers for each step of a chart, each in one query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connection

from vhosts.history.grid import moment

Column = list[float | None]
_ROLLUPS = {"5m": "vhosts_queue_rollup_5m", "1h": "vhosts_queue_rollup_1h"}
_CHANGES = """
    SELECT queue_id, at, ready, unacked, ready IS NULL FROM vhosts_queue_recent
    WHERE queue_id = ANY(%(ids)s) AND at > {since} AND at < %(to)s
    UNION ALL
    SELECT queue_id, at, ready, unacked, ready IS NULL FROM vhosts_queue_snapshot
    WHERE queue_id = ANY(%(ids)s) AND at > {since} AND at < %(to)s
"""
_FILLED = (
    "(SELECT greatest(%(from)s, max(done_until)) FROM vhosts_rollupmark WHERE name = %(source)s)"
)
_CLOSINGS = """
    SELECT queue_id, bucket_at + %(width)s * interval '1 s', ready_last, unacked_last, ready_last IS NULL
    FROM {table}
    WHERE queue_id = ANY(%(ids)s) AND bucket_at >= %(from)s AND bucket_at < least(%(to)s, {filled})
    UNION ALL
"""
#: The sum of all queues, as how much it changes in each step: each queue's value at the beginning,
#: then each of its changes; so too the number of queues with a known and with an unknown depth. Unknown
#: counts as nothing in the sum. A queue that is gone, or not there yet, has no messages: it is neither.
_SUMS = """
WITH opening AS (
    SELECT q.id, %(from)s::timestamptz AS at,
           CASE WHEN q.depth_changed_at <= %(from)s THEN q.ready ELSE known.ready END AS ready,
           CASE WHEN q.depth_changed_at <= %(from)s THEN q.unacked ELSE known.unacked END AS unacked,
           CASE WHEN q.depth_changed_at <= %(from)s OR q.depth_changed_at IS NULL AND known.there IS NULL
                THEN q.ready IS NULL ELSE known.there AND known.ready IS NULL END AS unknown,
           q.gone_at IS NULL AS present
    FROM vhosts_queue q LEFT JOIN LATERAL (
        (SELECT ready, unacked, true AS there FROM vhosts_queue_recent
         WHERE queue_id = q.id AND at <= %(from)s ORDER BY at DESC LIMIT 1)
        UNION ALL
        (SELECT ready, unacked, true FROM vhosts_queue_snapshot
         WHERE queue_id = q.id AND at <= %(from)s ORDER BY at DESC LIMIT 1)
        UNION ALL
        (SELECT ready_last, unacked_last, true FROM vhosts_queue_rollup_5m
         WHERE queue_id = q.id AND bucket_at <= %(from)s - interval '5 min' ORDER BY bucket_at DESC LIMIT 1)
        UNION ALL
        (SELECT ready_last, unacked_last, true FROM vhosts_queue_rollup_1h
         WHERE queue_id = q.id AND bucket_at <= %(from)s - interval '1 h' ORDER BY bucket_at DESC LIMIT 1)
        LIMIT 1
    ) known ON q.depth_changed_at IS NULL OR q.depth_changed_at > %(from)s
    WHERE q.id = ANY(%(ids)s)
), changes (id, at, ready, unacked, unknown) AS (
    SELECT id, at, ready, unacked, unknown FROM opening
    UNION ALL
    (__CHANGES__)
), deltas AS (
    SELECT at, coalesce(ready, 0) - coalesce(lag(ready) OVER each, 0) AS ready,
           coalesce(unacked, 0) - coalesce(lag(unacked) OVER each, 0) AS unacked,
           (ready IS NOT NULL)::int - (lag(ready) OVER each IS NOT NULL)::int AS known,
           CASE WHEN present THEN coalesce(unknown, false)::int - coalesce(lag(unknown) OVER each, false)::int
                ELSE 0 END AS unknown
    FROM (SELECT c.*, o.present FROM changes c JOIN opening o USING (id)) each_change
    WINDOW each AS (PARTITION BY id ORDER BY at)
)
SELECT floor((extract(epoch FROM at) - %(begin)s) / %(step)s)::int,
       sum(ready), sum(unacked), sum(known), sum(unknown)
FROM deltas GROUP BY 1 ORDER BY 1
"""


def depths(
    ids: Sequence[int], source: str, width: int, begin: int, stop: int, step: int, count: int
) -> tuple[list[Column], list[int]]:
    """Return ready and unacked messages of all the queues at the end of each step, None where no
    depth is known and some are unknown; and how many are unknown there. One query."""
    if source == "raw":
        changes = _CHANGES.format(since="%(from)s")
    else:
        changes = _CLOSINGS.format(table=_ROLLUPS[source], filled=_FILLED) + _CHANGES.format(
            since=_FILLED
        )
    given: dict[str, Any] = {
        "ids": list(ids), "from": moment(begin), "to": moment(stop), "begin": begin, "step": step,
        "width": width, "source": source,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_SUMS.replace("__CHANGES__", changes), given)
        moved = {place: [int(one) for one in row] for place, *row in cursor.fetchall()}
    sums = [0, 0, 0, 0]
    columns: list[Column] = [[], []]
    unknowns = []
    for place in range(count):
        sums = [one + more for one, more in zip(sums, moved.get(place, (0,) * 4), strict=True)]
        ready, unacked, known, unknown = sums
        is_gap = unknown > 0 and known == 0
        columns[0].append(None if is_gap else ready)
        columns[1].append(None if is_gap else unacked)
        unknowns.append(unknown)
    return columns, unknowns


_SAMPLE_COLUMNS = {
    "ready": "ready", "unacked": "unacked", "publish": "publish_rate", "deliver": "deliver_rate",
}  # fmt: skip


def samples(
    broker_ids: Sequence[int],
    names: Sequence[str],
    begin: int,
    stop: int,
    step: int,
    at: Sequence[int],
) -> list[Column]:
    """Return sums over brokers of what each reported, averaged over each step. A step without a
    poll keeps the last value while the broker is known. One query."""
    averages = ", ".join(f"avg({_SAMPLE_COLUMNS[name]})" for name in names)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT broker_id, floor((extract(epoch FROM at) - %s) / %s)::int, {averages}"  # noqa: S608
            " FROM vhosts_broker_sample WHERE broker_id = ANY(%s) AND at >= %s AND at < %s GROUP BY 1, 2",
            [begin, step, list(broker_ids), moment(begin), moment(stop)],
        )
        found = {(row[0], row[1]): row[2:] for row in cursor.fetchall()}
    nothing = (None,) * len(names)
    sums: list[Column] = [[0.0] * len(at) for _ in names]
    for broker_id in broker_ids:
        last: Sequence[Any] = nothing
        for place in range(len(at)):
            last = found.get((broker_id, place), last)
            for number, value in enumerate(last):
                total = sums[number][place]
                sums[number][place] = (
                    None if total is None or value is None else total + float(value)
                )
    return sums
