"""Partitions of the history: created ahead of time, dropped by age.

Each table has a partition per UTC day or month. There is no default partition, because Postgres
would search it whenever it creates another one. Functions of the tables' owner create and drop the
partitions, because the role that workers connect as owns no table.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Literal

from django.conf import settings
from django.db import connection, transaction

from console.background.each_alone import each_alone

#: Number of days for which partitions exist ahead of time: a weekend without a worker does no
#: harm.
AHEAD_DAYS = 3
_LOCK = 0x57617272  # any number; the same in every worker


@dataclass(frozen=True)
class Partitioned:
    """`keep` is the name of the setting with the number of days to keep."""

    table: str
    period: Literal["day", "month"]
    keep: str

    def starts(self, first: date, last: date) -> Iterator[date]:
        """Yield the first day of each partition that covers a day from `first` to `last`."""
        start = self._start(first)
        while start <= last:
            yield start
            start = self.end(start)

    def _start(self, day: date) -> date:
        return day if self.period == "day" else day.replace(day=1)

    def end(self, start: date) -> date:
        if self.period == "day":
            return start + timedelta(days=1)
        return (start + timedelta(days=32)).replace(day=1)

    def partition(self, start: date) -> str:
        return (
            f"{self.table}_p{start:%Y%m%d}"
            if self.period == "day"
            else f"{self.table}_p{start:%Y%m}"
        )

    def start_of(self, partition: str) -> date | None:
        """Return a partition's first day, or None if the name isn't a partition of this table."""
        written = partition.removeprefix(f"{self.table}_p")
        try:
            return datetime.strptime(written, "%Y%m%d" if self.period == "day" else "%Y%m").date()  # noqa: DTZ007 – a day, not a moment
        except ValueError:
            return None


TABLES = (
    Partitioned("vhosts_queue_snapshot", "day", "KEEP_SNAPSHOTS_DAYS"),
    Partitioned("vhosts_broker_sample", "day", "KEEP_SNAPSHOTS_DAYS"),
    Partitioned("vhosts_node_sample", "day", "KEEP_SNAPSHOTS_DAYS"),
    Partitioned("vhosts_poll", "day", "KEEP_SNAPSHOTS_DAYS"),
    Partitioned("vhosts_queue_rollup_5m", "day", "KEEP_ROLLUPS_5M_DAYS"),
    Partitioned("vhosts_queue_rollup_1h", "month", "KEEP_ROLLUPS_1H_DAYS"),
    Partitioned("vhosts_queue_rate", "day", "KEEP_RATES_DAYS"),
    Partitioned("vhosts_queue_rate_5m", "day", "KEEP_ROLLUPS_5M_DAYS"),
    Partitioned("vhosts_queue_rate_1h", "month", "KEEP_ROLLUPS_1H_DAYS"),
)
BY_NAME = {table.table: table for table in TABLES}


def are_migrated() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regproc('console_make_partition') IS NOT NULL")
        return bool(cursor.fetchone()[0])


def make_ahead(now: datetime, *, back_days: int = 0) -> list[str]:
    """Create the missing partitions from `back_days` before `now` to AHEAD_DAYS after it. Return
    the names of those created.

    Safe to run anywhere, any number of times, and in parallel.
    """
    made: list[str] = []
    today = now.astimezone(UTC).date()
    for table in TABLES:
        for start in table.starts(
            today - timedelta(days=back_days), today + timedelta(days=AHEAD_DAYS)
        ):
            name = table.partition(start)
            if name not in _existing(table):
                _make(table, name, start)
                made.append(name)
    return made


def make_for(table_name: str, at: datetime) -> None:
    """Create the partition for a row of time `at` if it is missing. It may be of any age, because
    work that is made up for may be days old."""
    table = BY_NAME[table_name]
    day = at.astimezone(UTC).date()
    start = next(table.starts(day, day))
    if table.partition(start) not in _existing(table):
        _make(table, table.partition(start), start)


def kept_from(table_name: str, now: datetime) -> datetime:
    """Return the time from which on `drop_old` keeps all rows."""
    days = int(getattr(settings, BY_NAME[table_name].keep))
    return _midnight(now.astimezone(UTC).date() - timedelta(days=days))


def drop_old(now: datetime) -> list[str]:
    """Drop every partition that ended before what its setting keeps. Return the names.

    A partition that somebody is reading stops no other. Raises SomeFailed after the last one.
    Looks at the existing partitions instead of counting back from today, so that a gap leaves
    nothing behind.
    """
    old = [
        name
        for table in TABLES
        for name in sorted(_existing(table))
        for start in [table.start_of(name)]
        if start is not None and _midnight(table.end(start)) <= kept_from(table.table, now)
    ]
    each_alone((name, partial(_drop, name)) for name in old)
    return old


def _drop(name: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        # Old history for another minute is better than readers that queue up behind this lock.
        cursor.execute("SET LOCAL lock_timeout = '2s'")
        cursor.execute("SELECT console_drop_partition(%s)", [name])


def missing(now: datetime) -> list[str]:
    """Return the partitions that today or tomorrow needs and that don't exist."""
    today = now.astimezone(UTC).date()
    return [
        table.partition(start)
        for table in TABLES
        for existing in [_existing(table)]
        for start in table.starts(today, today + timedelta(days=1))
        if table.partition(start) not in existing
    ]


def _existing(table: Partitioned) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
            " WHERE i.inhparent = to_regclass(%s)",
            [table.table],
        )
        return {row[0] for row in cursor.fetchall()}


def _make(table: Partitioned, name: str, start: date) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        if name in _existing(table):
            return
        cursor.execute(
            "SELECT console_make_partition(%s, %s, %s, %s)",
            [table.table, name, _midnight(start), _midnight(table.end(start))],
        )


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
