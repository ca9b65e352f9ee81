"""Moves what polls wrote to its lasting place, sorted by queue.

A poll writes one row for each queue that changed, so in the order of time one queue's day would lie
on as many pages as it has rows. Moved half an hour at a time and sorted, it lies on a few dozen, its
index grows at one place for each queue and stays dense, and no covering index is needed
(docs/decisions/0010-history.md has the figures).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection, transaction

from vhosts.polling import partitions

RUN = timedelta(minutes=30)
#: Polls write into the present; a run is moved only when it is this old.
_SETTLED = timedelta(minutes=5)


def settle(now: datetime) -> int:
    """Moves every whole run that is old enough; how many rows. Readers see each row once or, if they
    began before, where it was. Two at once: the second finds nothing left to move."""
    seconds = int((now - _SETTLED).timestamp())
    until = datetime.fromtimestamp(seconds - seconds % int(RUN.total_seconds()), now.tzinfo)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT min(at) FROM vhosts_queue_recent WHERE at < %s", [until])
        (oldest,) = cursor.fetchone()
        if oldest is None:
            return 0
        partitions.make_ahead(now, back_days=max(0, (now - oldest).days + 1))
        cursor.execute(
            """
            WITH moved AS (DELETE FROM vhosts_queue_recent WHERE at < %s RETURNING *)
            INSERT INTO vhosts_queue_snapshot (queue_id, at, ready, unacked)
            SELECT queue_id, at, ready, unacked FROM moved ORDER BY queue_id, at
            ON CONFLICT (queue_id, at) DO UPDATE
            SET ready = excluded.ready, unacked = excluded.unacked
            """,
            [until],
        )
        return int(cursor.rowcount)
