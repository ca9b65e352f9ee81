"""What history costs in Postgres: bytes for each sample, and SQL time of one queue's day.

    DATABASE_URL=postgres://... python -m bench.history [--queues 10000] [--hours 24] [--layouts]

Makes a database `warren_bench_history` beside that of DATABASE_URL, migrates it, and fills the real
tables in the order in which polls would: every 10 s, the tenth of the queues that is active gets a new
row each. A *sample* is one queue at one poll, changed or not: 10,000 queues for 24 h are 86.4 million.
Then reads queues through vhosts.history.read and adds up the time of their SQL. `--layouts` fills and
measures other layouts of the same rows beside it. The database is dropped at the end.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import django
import psycopg2
from django.db.backends.utils import CursorWrapper

DATABASE = "warren_bench_history"
POLL_S = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queues", type=int, default=10_000)
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--layouts", action="store_true")
    parser.add_argument("--without-rollups", action="store_true")
    options = parser.parse_args()
    given = os.environ["DATABASE_URL"]
    _admin(given, f"DROP DATABASE IF EXISTS {DATABASE}", f"CREATE DATABASE {DATABASE}")
    os.environ["DATABASE_URL"] = given.rpartition("/")[0] + f"/{DATABASE}"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
    django.setup()
    from django.core.management import call_command
    from django.db import connections

    try:
        call_command("migrate", verbosity=0)
        _run(options)
    finally:
        connections.close_all()
        _admin(given, f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")


def _admin(url: str, *statements: str) -> None:
    with_nothing_open = psycopg2.connect(url)
    with_nothing_open.autocommit = True
    with with_nothing_open.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    with_nothing_open.close()


def _run(options: argparse.Namespace) -> None:
    from django.db import connection

    from vhosts.history import partitions, rollups

    end = datetime.now(UTC).replace(microsecond=0)
    end -= timedelta(seconds=end.second % POLL_S)
    start = end - timedelta(hours=options.hours)
    partitions.make_ahead(end, back_days=options.hours // 24 + 1)
    with connection.cursor() as cursor:
        active = _make_queues(cursor, options.queues, start, end)
        samples = options.queues * options.hours * 3600 // POLL_S
        took = _fill(cursor, start, end)
        cursor.execute(
            "SELECT (SELECT count(*) FROM vhosts_queue_snapshot),"
            " (SELECT count(*) FROM vhosts_queue_recent)"
        )
        settled, recent = cursor.fetchone()
        rows = settled + recent
        print(
            f"{options.queues:,} queues x {options.hours} h: {samples:,} samples, {rows:,} rows"
            f" ({recent:,} of them recent),"
        )
        print(f"written in {took:.0f} s ({rows / took:,.0f} rows/s)")
        _say_size(cursor, "as used", ["vhosts_queue_snapshot", "vhosts_queue_recent"], samples)
    if not options.without_rollups:
        started = time.monotonic()
        filled = rollups.fill(end + timedelta(minutes=5))
        print(f"rollups: {filled} rows in {time.monotonic() - started:.0f} s")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE vhosts_queue_rollup_5m, vhosts_queue_rollup_1h")
    _measure_reads(active, options.queues, start, end)
    if options.layouts:
        _measure_layouts(start, end, samples, active)
    print(
        f"{os.cpu_count()} cores; Python {platform.python_version()},"
        f" Postgres {connection.pg_version // 10000}.{connection.pg_version % 10000},"
        f" load {os.getloadavg()[0]:.1f}"
    )


def _make_queues(cursor: CursorWrapper, count: int, start: datetime, end: datetime) -> list[int]:
    """Create the queues; return the IDs of the active ones: every tenth."""
    from console.models import Broker

    broker = Broker.objects.create(name="bench", management_url="http://b:1", username="b")
    cursor.execute(
        """
        INSERT INTO vhosts_queue (broker_id, vhost, name, type, state, node, arguments, policy,
               operator_policy, first_seen_at, ready, unacked, total, depth_changed_at)
        SELECT %s, '/', 'queue ' || n, 'classic', 'running', '', '{}', '', '', %s, 5, 0, 5, %s
        FROM generate_series(1, %s) n
        """,
        [broker.pk, start, start, count],
    )
    cursor.execute(
        "UPDATE vhosts_queue SET depth_changed_at = %s WHERE id %% 10 = 0 RETURNING id", [end]
    )
    active = [row[0] for row in cursor.fetchall()]
    cursor.execute(
        "INSERT INTO vhosts_knownspan (broker_id, from_at, last_at, until_at) VALUES (%s,%s,%s,%s)",
        [broker.pk, start, end, end + timedelta(seconds=POLL_S)],
    )
    # Quiet queues have one row, from the beginning.
    cursor.execute(
        "INSERT INTO vhosts_queue_recent (queue_id, at, ready, unacked)"
        " SELECT id, %s, 5, 0 FROM vhosts_queue WHERE id %% 10 <> 0",
        [start],
    )
    return active


def _fill(cursor: CursorWrapper, start: datetime, end: datetime) -> float:
    """Write half an hour of polls at a time into the recent rows, in the order of polls. Settle
    them as the worker does, and vacuum as autovacuum would. Returns seconds."""
    from vhosts.history.settle import settle

    started = time.monotonic()
    begin, stop = int(start.timestamp()), int(end.timestamp())
    for run in range(begin, stop, 1800):
        _write(cursor, "vhosts_queue_recent", "to_timestamp(t)", run, min(run + 1800, stop))
        settle(datetime.fromtimestamp(min(run + 1800, stop), UTC))
        cursor.execute("VACUUM vhosts_queue_recent")
        if run + 1800 >= stop - 3600 > run - 1800:
            cursor.execute("VACUUM ANALYZE vhosts_queue_snapshot")
    cursor.execute("ANALYZE vhosts_queue_recent")
    return time.monotonic() - started


def _write(cursor: CursorWrapper, table: str, at: str, begin: int, stop: int) -> None:
    cursor.execute(
        f"""
        INSERT INTO {table} (queue_id, at, ready, unacked)
        SELECT q.id, {at}, (hashint8(t::bigint * q.id) & 65535), (hashint4(q.id) & 255)
        FROM generate_series({begin}, {stop - 1}, {POLL_S}) t
        CROSS JOIN (SELECT id FROM vhosts_queue WHERE id % 10 = 0 ORDER BY id) q
        ORDER BY t, q.id
        """
    )


def _say_size(cursor: CursorWrapper, name: str, tables: list[str], samples: int) -> None:
    cursor.execute(
        """
        SELECT coalesce(sum(pg_relation_size(c.oid)), 0), coalesce(sum(pg_indexes_size(c.oid)), 0)
        FROM pg_class c WHERE c.relkind = 'r'
          AND (c.relname = ANY(%s) OR c.oid IN
               (SELECT inhrelid FROM pg_inherits WHERE inhparent::regclass::text = ANY(%s)))
        """,
        [tables, tables],
    )
    heap, indexes = map(int, cursor.fetchone())
    print(
        f"{name:>24}: {heap / 1e6:.0f} MB table + {indexes / 1e6:.0f} MB indexes ="
        f" {(heap + indexes) / samples:.2f} bytes/sample"
    )


def _measure_reads(active: list[int], queues: int, start: datetime, end: datetime) -> None:
    from vhosts.history.read import series, sparklines
    from vhosts.models import Queue

    rng = random.Random(4730)
    quiet = [number for number in range(1, queues + 1) if number % 10]
    now = end + timedelta(seconds=5)
    for name, ids in (("busy", rng.sample(active, 40)), ("quiet", rng.sample(quiet, 40))):
        picked = list(Queue.objects.select_related("broker").filter(pk__in=ids))
        for label, hours in (("24 h", 24), ("1 h", 1)):
            from_at = max(start, end - timedelta(hours=hours))
            _say_reads(
                f"{name} queue, {label}",
                [
                    lambda queue=queue, from_at=from_at: series(
                        queue, start=from_at, end=end, now=now
                    )
                    for queue in picked
                ],
            )
    pages = [rng.sample(active, 50) + rng.sample(quiet, 50) for _ in range(10)]
    _say_reads("sparklines of 100", [lambda page=page: sparklines(page, now=now) for page in pages])
    queue = Queue.objects.select_related("broker").get(pk=active[0])
    _say_reads(
        "busy queue, 7 d (rollups)",
        [lambda: series(queue, start=end - timedelta(days=7), end=end, now=now)] * 10,
    )


def _say_reads(name: str, calls: list[Callable[[], Any]]) -> None:
    from django.db import connection

    sql, whole, queries = [], [], 0
    for call in calls:
        spent: list[float] = []

        def timed(execute: Any, *arguments: Any, spent: list[float] = spent) -> Any:
            started = time.perf_counter()
            try:
                return execute(*arguments)
            finally:
                spent.append((time.perf_counter() - started) * 1000)

        started = time.perf_counter()
        with connection.execute_wrapper(timed):
            call()
        whole.append((time.perf_counter() - started) * 1000)
        sql.append(sum(spent))
        queries = len(spent)
    print(
        f"{name:>26}: SQL {statistics.median(sql):.1f} ms (max {max(sql):.1f}),"
        f" {queries} queries, whole call {statistics.median(whole):.1f} ms"
    )


#: Written poll by poll, never sorted: they show what settling saves.
LAYOUTS = {
    "by poll, plain": """
        at timestamptz NOT NULL, ready bigint, unacked bigint, queue_id integer NOT NULL,
        PRIMARY KEY (queue_id, at)""",
    "by poll, covering": """
        at timestamptz NOT NULL, ready bigint, unacked bigint, queue_id integer NOT NULL,
        PRIMARY KEY (queue_id, at) INCLUDE (ready, unacked)""",
    "by poll, covering, int4": """
        ready bigint, unacked bigint, queue_id integer NOT NULL, at integer NOT NULL,
        PRIMARY KEY (queue_id, at) INCLUDE (ready, unacked)""",
}


def _measure_layouts(start: datetime, end: datetime, samples: int, active: list[int]) -> None:
    from django.db import connection

    for name, columns in LAYOUTS.items():
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE TABLE layout ({columns})")
            at = "t" if "int4" in name else "to_timestamp(t)"
            begin, stop = int(start.timestamp()), int(end.timestamp())
            for run in range(begin, stop, 1800):
                _write(cursor, "layout", at, run, min(run + 1800, stop))
            cursor.execute("VACUUM ANALYZE layout")
            _say_size(cursor, name, ["layout"], samples)
            spent = []
            for queue in random.Random(4730).sample(active, 40):
                started = time.perf_counter()
                cursor.execute(
                    "SELECT at, ready, unacked FROM layout WHERE queue_id = %s ORDER BY at", [queue]
                )
                spent.append((time.perf_counter() - started) * 1000)
                cursor.fetchall()
            print(
                f"{'':>24}  a busy queue's rows {statistics.median(spent):.1f} ms"
                f" (max {max(spent):.1f})"
            )
            cursor.execute("DROP TABLE layout")


if __name__ == "__main__":
    main()
