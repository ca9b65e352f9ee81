"""Counts requests under a key within a time window, over all web processes.

One statement per request adds and reads at once. DRF's own throttles read a list of times from the
cache, add to it and write it back: concurrent requests overwrite each other's times.
"""

from __future__ import annotations

import structlog
from django.db import DatabaseError, connection

log = structlog.get_logger(__name__)

# One row per key. The table is unlogged, so this waits for no disk; after a crash of Postgres,
# counting restarts.
_ADD = """
    INSERT INTO console_request_count AS known (key, until, count) VALUES (%s, %s, 1)
    ON CONFLICT (key) DO UPDATE SET
        count = CASE WHEN known.until = excluded.until THEN known.count ELSE 0 END + 1,
        until = excluded.until
    RETURNING count
"""
_FORGET = "DELETE FROM console_request_count WHERE until <= %s"


def count_request(key: str, until: int) -> int | None:
    """Count one request and return the number of requests under `key` in the window that ends at
    `until`, in epoch seconds. None if Postgres can't write: that is no reason to refuse a request.
    """
    try:
        with connection.cursor() as cursor:
            cursor.execute(_ADD, [key[:200], until])
            return int(cursor.fetchone()[0])
    except DatabaseError as error:
        log.warning("request_not_counted", error=type(error).__name__)
        return None


def forget_old_counts(now: float) -> None:
    """Delete the counts of windows that have ended."""
    with connection.cursor() as cursor:
        cursor.execute(_FORGET, [int(now)])
