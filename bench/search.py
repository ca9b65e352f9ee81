"""Measures the search over everything, with generated data.

    DATABASE_URL=postgres://… python bench/search.py [--queues 50000] [--bindings 50000] [--rounds 15]

Creates a test database next to the one in DATABASE_URL, fills it like bench/pages.py and adds
bindings, users and permissions. Requests what the palette requests, through the complete middleware
stack in this process, as a superuser and as a person with a grant on some virtual hosts. Drops the
database again. Nothing is asserted: figures belong in bench/README.md.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.pages import fill

from django.contrib.auth import get_user_model  # isort: skip
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accessctl.grants.roles import Role
from accessctl.models import BrokerPermission, BrokerUser, Grant
from console.models import Broker
from vhosts.models import Binding

TYPED = {
    "one queue": "incoming.40961",
    "a word in a third of the names": "retry",
    "every queue": "o",
    "the start of every queue": "orders",
    "nothing": "no-such-name",
    "a letter beyond ASCII": "größe",
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--queues", type=int, default=50_000)
    parser.add_argument("--bindings", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        fill(options.queues)
        add(options.bindings)
        measure(options)
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


def add(bindings: int) -> None:
    now = datetime.now(UTC)
    brokers = list(Broker.objects.all())
    seen = {"first_seen_at": now, "changed_at": now}
    Binding.objects.bulk_create(
        (
            Binding(
                broker=brokers[n % len(brokers)], vhost=f"/team/{n % 25}", source="orders.events",
                destination_type="queue", destination=f"orders.{n % 997}.incoming.{n}",
                routing_key=f"eu.customer.{n}.created", **seen,
            )
            for n in range(bindings)
        ),
        batch_size=2000,
    )  # fmt: skip
    for broker in brokers:
        BrokerUser.objects.bulk_create(
            BrokerUser(broker=broker, name=f"app-{n}", **seen) for n in range(1000)
        )
        BrokerPermission.objects.bulk_create(
            BrokerPermission(
                broker=broker, user=f"app-{n}", vhost=f"/team/{n % 25}", configure="", write="", read="", **seen
            )
            for n in range(1000)
        )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def measure(options: argparse.Namespace) -> None:
    users = get_user_model().objects
    vera = users.create_user("vera")
    Grant.objects.create(
        user=vera, role=Role.VIEWER, vhost_pattern="/team/1*", created_at=datetime.now(UTC)
    )
    people = {"superuser": users.create_superuser("bench"), "some virtual hosts": vera}
    here = f"&broker={Broker.objects.order_by('pk')[0].pk}"
    print(f"{options.queues:,} queues, {options.bindings:,} bindings; {options.rounds} rounds")
    print(
        f"{'typed':34} {'by':20} {'median ms':>10} {'least':>8} {'Python CPU':>11} {'SQL':>7} {'queries':>8}"
    )
    for who, person in people.items():
        client = Client(headers={"host": "127.0.0.1", "HX-Request": "true"})
        client.force_login(person)
        for label, text in TYPED.items():
            url = f"/search/?q={text}{here}"
            client.get(url)
            times, cpu = [], []
            for _ in range(options.rounds):
                started, worked = time.perf_counter(), time.process_time()
                assert client.get(url).status_code == 200
                times.append((time.perf_counter() - started) * 1000)
                cpu.append((time.process_time() - worked) * 1000)
            with CaptureQueriesContext(connection) as captured:
                client.get(url)
            sql = sum(float(query["time"]) for query in captured.captured_queries) * 1000
            print(
                f"{label:34} {who:20} {statistics.median(times):10.1f} {min(times):8.1f}"
                f" {statistics.median(cpu):11.1f} {sql:7.1f} {len(captured):8}"
            )


if __name__ == "__main__":
    main()
