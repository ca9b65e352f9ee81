"""Measures how long lists take on the server, with generated data.

    DATABASE_URL=postgres://… python bench/pages.py [--queues 10000 50000] [--rounds 15]

Creates a test database next to the one in DATABASE_URL and fills it through the real schema
(brokers, vhosts, queues, an hour of snapshots). Requests the pages through the complete middleware
stack in this process. Prints the median and the worst of the rounds, the SQL queries and the bytes
of the page. Drops the database again. Nothing is asserted: figures belong in bench/README.md.
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
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
os.environ.setdefault("CONSOLE_PLAIN_STATIC", "1")
import django

django.setup()

from django.contrib.auth import get_user_model  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

from console.models import Broker, BrokerStatus  # noqa: E402
from vhosts.history import partitions  # noqa: E402
from vhosts.models import KnownSpan, Queue, VirtualHost  # noqa: E402

BROKERS = 4
VHOSTS = 25


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--queues", type=int, nargs="+", default=[10_000, 50_000])
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()},",
        end=" ",
    )
    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        with connection.cursor() as cursor:
            cursor.execute("SHOW server_version")
            print(f"Django {django.__version__}, PostgreSQL {cursor.fetchone()[0]}")
        for queues in options.queues:
            fill(queues)
            measure(queues, options.rounds)
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


def fill(queues: int) -> None:
    """Fill the database. A tenth of the queues contain messages; their depths changed about ten
    times in the last hour."""
    rng = random.Random(7)
    now = datetime.now(UTC)
    Broker.objects.all().delete()
    partitions.make_ahead(now, back_days=2)
    for number in range(BROKERS):
        broker = Broker.objects.create(
            name=f"bench-{number}",
            environment="production" if number else "staging",
            management_url=f"http://broker-{number}.example:15672",
            username="warren",
            poll_interval_s=3600,
        )
        BrokerStatus.objects.create(
            broker=broker, state="reachable", state_since=now, answered_at=now, next_poll_at=now,
            next_inventory_at=now, depths_at=now, inventory_at=now, vitals_at=now,
        )  # fmt: skip
        KnownSpan.objects.create(
            broker=broker, from_at=now - timedelta(days=1), last_at=now,
            until_at=now + timedelta(hours=1),
        )  # fmt: skip
        VirtualHost.objects.bulk_create(
            VirtualHost(broker=broker, name=f"/team/{v}", first_seen_at=now, changed_at=now)
            for v in range(VHOSTS)
        )
        rows = []
        for q in range(queues // BROKERS):
            ready = rng.randrange(1, 200_000) if rng.random() < 0.1 else 0
            unacked = rng.randrange(0, 200) if ready else 0
            rows.append(
                Queue(
                    broker=broker,
                    vhost=f"/team/{q % VHOSTS}",
                    name=f"orders.{q % 997}.{'incoming' if q % 3 else 'retry.after-a-while'}.{q}",
                    type=("classic", "quorum", "stream")[q % 7 // 3],
                    state="running",
                    durable=True,
                    auto_delete=False,
                    exclusive=False,
                    policy="ha" * (q % 5 == 0),
                    arguments={"x-message-ttl": 60000, "x-dead-letter-exchange": "dlx"},
                    inventoried_at=now,
                    first_seen_at=now - timedelta(days=30),
                    ready=ready,
                    unacked=unacked,
                    total=ready + unacked,
                    consumers=q % 4,
                    depth_changed_at=now if ready else now - timedelta(days=2),
                )
            )
        Queue.objects.bulk_create(rows, batch_size=2000)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO vhosts_queue_snapshot (queue_id, at, ready, unacked)"
            " SELECT q.id, %s - n * interval '6 min', n * 100, n"
            " FROM vhosts_queue q, generate_series(0, 10) n WHERE q.ready > 0",
            [now],
        )
        cursor.execute("VACUUM ANALYZE")


def measure(queues: int, rounds: int) -> None:
    user, _ = get_user_model().objects.get_or_create(username="bench", is_superuser=True)
    # Not django.test's setup: it copies the context for each template, which costs more than the
    # page.
    client = Client(headers={"host": "127.0.0.1"})
    client.force_login(user)
    one = Queue.objects.order_by("-total").first()
    broker = Broker.objects.first()
    assert one is not None
    assert broker is not None
    pages = {
        "queues by depth, filtered": "/queues/?sort=-total&search=retry&non_empty=1&type=quorum",
        "queues by depth": "/queues/",
        "queues of a broker by name": f"/queues/?broker={broker.pk}&sort=name",
        "queues, last page": "/queues/?page=9999",
        "one queue": f"/queues/{one.pk}/",
        "its history, 24 h": f"/queues/{one.pk}/history.json?range=24h",
        "virtual hosts": "/vhosts/",
    }
    print(f"\n{queues:,} queues on {BROKERS} brokers; a page holds 100 rows; {rounds} rounds")
    print(
        f"{'page':30} {'median ms':>10} {'least':>8} {'worst':>8} {'Python CPU':>11} {'SQL':>7} {'queries':>8} {'KB':>6}"
    )
    for label, url in pages.items():
        client.get(url)
        times, cpu = [], []
        for _ in range(rounds):
            started, worked = time.perf_counter(), time.process_time()
            response = client.get(url)
            times.append((time.perf_counter() - started) * 1000)
            cpu.append((time.process_time() - worked) * 1000)
            assert response.status_code == 200, (url, response.status_code)
        with CaptureQueriesContext(
            connection,
        ) as captured:
            client.get(url)
        sql = sum(float(query["time"]) for query in captured.captured_queries) * 1000
        print(
            f"{label:30} {statistics.median(times):10.1f} {min(times):8.1f} {max(times):8.1f}"
            f" {statistics.median(cpu):11.1f} {sql:7.1f}"
            f" {len(captured):8} {len(response.content) / 1000:6.0f}"
        )
    started = time.perf_counter()
    response = client.get("/queues.csv")
    size = sum(len(chunk) for chunk in response.streaming_content)
    print(
        f"{'all queues as CSV':30} {(time.perf_counter() - started) * 1000:10.1f} {size / 1e6:31.1f} MB"
    )


if __name__ == "__main__":
    main()
