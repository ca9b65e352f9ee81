"""How many requests came under a key within a minute, over all web processes.

Each process counts for itself and tells the others through Postgres after every few requests, not at
each: the sum may be short by that many for each process, and a read costs no write.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

import structlog
from django.db import DatabaseError, connection, transaction

log = structlog.get_logger(__name__)

#: Keys that a process remembers before it lets go of those whose time is over.
_MOST_KEYS = 10_000
# One row a key. The table is unlogged: after a crash of Postgres counting begins anew.
_ADD = """
    INSERT INTO console_request_count AS known (key, until, count) VALUES (%s, %s, %s)
    ON CONFLICT (key) DO UPDATE SET
        count = CASE WHEN known.until = excluded.until THEN known.count ELSE 0 END + excluded.count,
        until = excluded.until
    RETURNING count
"""
_FORGET = "DELETE FROM console_request_count WHERE until < %s"


@dataclass(slots=True)
class _Count:
    until: int
    #: Of all processes, when they were last asked.
    told: int = 0
    #: Of this one since then.
    own: int = 0


class RequestCounts:
    """Windows begin at multiples of their length, so that all processes have the same."""

    def __init__(self) -> None:
        self._counts: dict[str, _Count] = {}
        self._lock = threading.Lock()

    def add(self, key: str, *, now: float, seconds: int, tell_after: int) -> tuple[int, int]:
        """Counts one request. (how many there were in this window, when it ends in epoch seconds).
        `tell_after`: after how many requests of this process the others are told."""
        until = (int(now) // seconds + 1) * seconds
        with self._lock:
            found = self._counts.get(key)
            if found is None or found.until != until:
                self._forget(now)
                found = self._counts[key] = _Count(until)
            found.own += 1
            tell, own = found.own >= tell_after, found.own
            if tell:
                found.told, found.own = found.told + own, 0
            total = found.told + found.own
        if tell and (shared := _tell(key, until, own)) is not None:
            with self._lock:
                found.told = max(found.told, shared)
                total = found.told + found.own
        return total, until

    def clear(self) -> None:
        with self._lock:
            self._counts.clear()

    def _forget(self, now: float) -> None:
        if len(self._counts) >= _MOST_KEYS:
            self._counts = {k: c for k, c in self._counts.items() if c.until > now}


def forget_old_counts(now: float) -> None:
    """Rows of windows that are over for an hour."""
    with connection.cursor() as cursor:
        cursor.execute(_FORGET, [int(now) - 3600])


def _tell(key: str, until: int, count: int) -> int | None:
    """The sum over all processes; None where Postgres cannot write, which is no reason to refuse."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_ADD, [key[:200], until, count])
            return int(cursor.fetchone()[0])
    except DatabaseError as error:
        log.warning("request_count_not_shared", error=type(error).__name__)
        return None


counts = RequestCounts()
