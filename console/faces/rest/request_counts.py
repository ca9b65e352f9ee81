"""How many requests came under a key within a window of time, over all web processes.

One statement for each request, which adds and reads at once. DRF's own throttles read a list of times
from the cache, add to it and write it back: requests that come at once overwrite each other's.
"""

from __future__ import annotations

import structlog
from django.db import DatabaseError, connection

log = structlog.get_logger(__name__)

# One row a key. The table is unlogged, so this waits for no disk; after a crash of Postgres counting
# begins anew.
_ADD = """
    INSERT INTO console_request_count AS known (key, until, count) VALUES (%s, %s, 1)
    ON CONFLICT (key) DO UPDATE SET
        count = CASE WHEN known.until = excluded.until THEN known.count ELSE 0 END + 1,
        until = excluded.until
    RETURNING count
"""
_FORGET = "DELETE FROM console_request_count WHERE until <= %s"


def count_request(key: str, until: int) -> int | None:
    """Count one request and return how many there were under `key` in the window that ends at `until`,
    in epoch seconds. None where Postgres can't write, which is no reason to refuse anybody."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(_ADD, [key[:200], until])
            return int(cursor.fetchone()[0])
    except DatabaseError as error:
        log.warning("request_not_counted", error=type(error).__name__)
        return None


def forget_old_counts(now: float) -> None:
    """Delete the counts of windows that are over."""
    with connection.cursor() as cursor:
        cursor.execute(_FORGET, [int(now)])
