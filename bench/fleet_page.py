"""Measures how long Fleet takes on the server with 100 brokers, with generated data.

    DATABASE_URL=postgres://… python -m bench.fleet_page [--brokers 10 100] [--rounds 15]

Creates a test database next to the one in DATABASE_URL and fills it through the real schema: brokers
of three nodes, their last hour at 10 s, 100 queues each of which some have a condition that harms, and
changes. Requests the page through the complete middleware stack in this process. Prints the median and
the worst of the rounds, the SQL queries and the bytes of the page. Drops the database again. Nothing is
asserted: figures belong in bench/README.md.
"""

from __future__ import annotations

import argparse
import logging
import os
import platform
import random
import statistics
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
os.environ.setdefault("CONSOLE_PLAIN_STATIC", "1")
import django

django.setup()

from django.contrib.auth import get_user_model  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

from accessctl.grants.roles import Role  # noqa: E402
from accessctl.models import Grant  # noqa: E402
from console.models import Broker, BrokerStatus  # noqa: E402
from vhosts.history import partitions  # noqa: E402
from vhosts.models import Queue  # noqa: E402

QUEUES = 100
VHOSTS = 5
_CONDITIONS = ("no_consumers", "redelivering", "full", "member_down")
_VIEWS = {
    "large tiles": "/?view=tiles",
    "compact tiles": "/?view=compact",
    "table": "/?view=table",
    "wall": "/?wall=1",
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--brokers", type=int, nargs="+", default=[10, 100])
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {platform.python_version()},",
        end=" ",
    )
    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SHOW server_version")
            print(f"Django {django.__version__}, PostgreSQL {cursor.fetchone()[0]}")
        for brokers in options.brokers:
            fill(brokers)
            measure(brokers, options.rounds)
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


def fill(brokers: int) -> None:
    """Fill the database. A tenth of the brokers don't answer or have a node that is down; a tenth of
    the queues have a condition that harms."""
    rng = random.Random(7)
    now = datetime.now(UTC)
    Broker.objects.all().delete()
    partitions.make_ahead(now, back_days=1)
    for number in range(brokers):
        broker = Broker.objects.create(
            name=f"broker-{number:03}", username="warren", poll_interval_s=3600,
            environment=("production", "staging", "development")[number % 3],
            management_url=f"http://broker-{number}.example:15672",
        )  # fmt: skip
        BrokerStatus.objects.create(
            broker=broker, state="unreachable" if number % 20 == 3 else "reachable", state_since=now,
            answered_at=now, next_poll_at=now, next_inventory_at=now, depths_at=now, inventory_at=now,
            vitals_at=now, alarms=[], rabbitmq_version="4.2.1", queues=QUEUES, connections=40,
            messages_ready=rng.randrange(10_000), messages_unacked=9, publish_rate=9.5, deliver_rate=9.0,
            nodes=[_node(n, running=number % 20 != 7 or n < 2) for n in range(3)],
        )  # fmt: skip
        Queue.objects.bulk_create(
            Queue(
                broker=broker, vhost=f"team-{q % VHOSTS}", name=f"orders.{q}", type="quorum",
                state="running", durable=True, inventoried_at=now, first_seen_at=now,
                ready=rng.randrange(1, 5_000), unacked=0, total=1, consumers=q % 3,
                condition=_CONDITIONS[q // 10 % 4] if q % 10 == 0 else "well", condition_since=now,
                depth_changed_at=now,
            )
            for q in range(QUEUES)
        )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO vhosts_broker_sample (broker_id, at, ready, unacked, publish_rate, deliver_rate)"
            " SELECT b.id, %s - n * interval '10 s', n * 10 %% 997, 1, n %% 40, n %% 37"
            " FROM console_broker b, generate_series(0, 359) n",
            [now],
        )
        cursor.execute("VACUUM ANALYZE")


def _node(number: int, *, running: bool) -> dict[str, Any]:
    return {
        "name": f"rabbit@node-{number}", "running": running, "mem_used": 400_000_000,
        "mem_limit": 1_000_000_000, "mem_alarm": False, "disk_free": 9_000_000_000,
        "disk_free_limit": 50_000_000, "disk_free_alarm": False, "fd_used": 40, "fd_total": 1024,
    }  # fmt: skip


def measure(brokers: int, rounds: int) -> None:
    print(f"\n{brokers} brokers with {QUEUES} queues each; {rounds} rounds")
    print(
        f"{'page':34} {'median ms':>10} {'least':>8} {'worst':>8} {'Python CPU':>11} {'SQL':>7} {'queries':>8} {'KB':>6}"
    )
    for who, user in (("superuser", _superuser()), ("one virtual host", _tenant())):
        client = Client(headers={"host": "127.0.0.1"})
        client.force_login(user)
        for label, url in _VIEWS.items():
            _measure(f"{label}, {who}", client, url, rounds)


def _superuser() -> Any:
    return get_user_model().objects.get_or_create(username="bench", is_superuser=True)[0]


def _tenant() -> Any:
    user, _ = get_user_model().objects.get_or_create(username="tenant")
    Grant.objects.get_or_create(
        user=user,
        role=Role.VIEWER,
        vhost_pattern="team-1",
        defaults={"created_at": datetime.now(UTC)},
    )
    return user


def _measure(label: str, client: Client, url: str, rounds: int) -> None:
    client.get(url)
    times, cpu = [], []
    for _ in range(rounds):
        started, worked = time.perf_counter(), time.process_time()
        response = client.get(url)
        times.append((time.perf_counter() - started) * 1000)
        cpu.append((time.process_time() - worked) * 1000)
        assert response.status_code == 200, (url, response.status_code)
    with CaptureQueriesContext(connection) as captured:
        client.get(url)
    sql = sum(float(query["time"]) for query in captured.captured_queries) * 1000
    print(
        f"{label:34} {statistics.median(times):10.1f} {min(times):8.1f} {max(times):8.1f}"
        f" {statistics.median(cpu):11.1f} {sql:7.1f} {len(captured):8} {len(response.content) / 1000:6.0f}"
    )


if __name__ == "__main__":
    main()
