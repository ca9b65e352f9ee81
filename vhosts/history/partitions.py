"""Partitions of the history: made ahead, dropped by age.

Each table has a partition for a day, or a month, of UTC. None is a default partition: it would have
to be searched whenever another is made. Functions of the tables' owner create and drop them: the role that
workers log in as owns no table.
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

#: Days for which partitions are made ahead: a weekend without a worker does no harm.
AHEAD_DAYS = 3
_LOCK = 0x57617272  # any number; the same in every worker


@dataclass(frozen=True)
class Partitioned:
    """`keep` names the setting that says for how many days."""

    table: str
    period: Literal["day", "month"]
    keep: str

    def starts(self, first: date, last: date) -> Iterator[date]:
        """The first day of each partition that holds a day from `first` to `last`."""
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
        """The first day of a partition, None where the name is none of ours."""
        written = partition.removeprefix(f"{self.table}_p")
        try:
            return datetime.strptime(written, "%Y%m%d" if self.period == "day" else "%Y%m").date()  # noqa: DTZ007 – a day, not a moment
        except ValueError:
            return None


TABLES = (
    Partitioned("vhosts_queue_snapshot", "day", "KEEP_SNAPSHOTS_DAYS"),
    Partitioned("vhosts_broker_sample", "day", "KEEP_SNAPSHOTS_DAYS"),
    Partitioned("vhosts_poll", "day", "KEEP_SNAPSHOTS_DAYS"),
    Partitioned("vhosts_queue_rollup_5m", "day", "KEEP_ROLLUPS_5M_DAYS"),
    Partitioned("vhosts_queue_rollup_1h", "month", "KEEP_ROLLUPS_1H_DAYS"),
)
BY_NAME = {table.table: table for table in TABLES}


def are_migrated() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regproc('console_make_partition') IS NOT NULL")
        return bool(cursor.fetchone()[0])


def make_ahead(now: datetime, *, back_days: int = 0) -> list[str]:
    """Makes what is missing from `back_days` before `now` to AHEAD_DAYS after it; says what it made.

    Safe to run anywhere, any number of times, and beside another.
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
    """Makes the one partition that a row of `at` goes to, where it is missing: of any age, because
    what is caught up with may be days old."""
    table = BY_NAME[table_name]
    day = at.astimezone(UTC).date()
    start = next(table.starts(day, day))
    if table.partition(start) not in _existing(table):
        _make(table, table.partition(start), start)


def kept_from(table_name: str, now: datetime) -> datetime:
    """The first moment of which `drop_old` has dropped nothing."""
    days = int(getattr(settings, BY_NAME[table_name].keep))
    return _midnight(now.astimezone(UTC).date() - timedelta(days=days))


def drop_old(now: datetime) -> list[str]:
    """Drops every partition that ended before what its setting keeps; says which. One that somebody
    reads just now stops no other. Raises SomeFailed after the last one.

    Looks at what is there instead of counting back from today, so a gap leaves nothing behind.
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
        # Rather another minute of old history than readers that queue up behind us.
        cursor.execute("SET LOCAL lock_timeout = '2s'")
        cursor.execute("SELECT console_drop_partition(%s)", [name])


def missing(now: datetime) -> list[str]:
    """Partitions that today or tomorrow will need and that are not there."""
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
