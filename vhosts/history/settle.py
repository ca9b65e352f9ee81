"""Move what polls wrote to its final table, sorted by queue.

A poll writes one row for each queue that changed. In time order, one day of a queue would be on as
many pages as it has rows. Moved half an hour at a time and sorted, it is on a few dozen pages. Its
index grows at one place per queue and stays dense, and no covering index is needed (figures:
docs/decisions/0010-history.md).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

from django.db import connection, transaction

from console.background.each_alone import each_alone
from vhosts.history import partitions

RUN = timedelta(minutes=30)
_RUN_S = int(RUN.total_seconds())
#: Polls write current rows; a run is moved only when it is this old.
_SETTLED = timedelta(minutes=5)


def settle(now: datetime) -> int:
    """Move every complete run that is old enough. Return the number of rows moved.

    Each run is one transaction, so readers see each row exactly once, and a run that fails blocks
    no other. Rows older than all kept history (a clock was wrong) are deleted. If two calls run at
    once, the second finds nothing to move. Raises SomeFailed after the last run.
    """
    seconds = int((now - _SETTLED).timestamp())
    until = datetime.fromtimestamp(seconds - seconds % _RUN_S, now.tzinfo)
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM vhosts_queue_recent WHERE at < %s",
            [partitions.kept_from("vhosts_queue_snapshot", now)],
        )
        cursor.execute(
            "SELECT DISTINCT floor(extract(epoch FROM at) / %s)::bigint AS run"
            " FROM vhosts_queue_recent WHERE at < %s ORDER BY run",
            [_RUN_S, until],
        )
        runs = [datetime.fromtimestamp(run * _RUN_S, UTC) for (run,) in cursor.fetchall()]
    moved: list[int] = []

    def move(start: datetime) -> None:
        moved.append(_move(start))

    each_alone((f"from {start:%Y-%m-%d %H:%M}", partial(move, start)) for start in runs)
    return sum(moved)


def _move(start: datetime) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        partitions.make_for("vhosts_queue_snapshot", start)
        cursor.execute(
            """
            WITH moved AS (DELETE FROM vhosts_queue_recent WHERE at >= %s AND at < %s RETURNING *)
            INSERT INTO vhosts_queue_snapshot (queue_id, at, ready, unacked)
            SELECT queue_id, at, ready, unacked FROM moved ORDER BY queue_id, at
            ON CONFLICT (queue_id, at) DO UPDATE
            SET ready = excluded.ready, unacked = excluded.unacked
            """,
            [start, start + RUN],
        )
        return int(cursor.rowcount)
