"""Measures how long the permission matrix takes on the server, for a generated broker.

    DATABASE_URL=postgres://… python bench/matrix.py [--users 1000] [--permissions 5000] [--rounds 15]

Creates a test database next to the one in DATABASE_URL and fills it through the real schema.
Requests the page through the complete middleware stack in this process, as a superuser and as a
vhost administrator of some virtual hosts. Prints the median and the worst of the rounds, the SQL
queries and the bytes of the page. Drops the database again. Nothing is asserted: figures belong in
bench/README.md.
"""

from __future__ import annotations

import argparse
import logging
import os
import platform
import statistics
import sys
import time
from datetime import UTC, datetime
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

from accessctl.grants.roles import Role  # noqa: E402
from accessctl.models import BrokerPermission, BrokerUser, Grant  # noqa: E402
from console.models import Broker, BrokerStatus, ManagedObject  # noqa: E402
from vhosts.models import VirtualHost  # noqa: E402

VHOSTS = 100
PATTERNS = [
    (".*", ".*", ".*"),
    ("^$", "^$", ".*"),
    ("^orders\\..*", "^orders\\..*", "^orders\\..*"),
    ("^$", "^amq\\.topic$", "^(orders|returns)-"),
]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--permissions", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        print(
            f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, "
            f"Django {django.__version__}; {options.users} users, {VHOSTS} virtual hosts, "
            f"{options.permissions} permissions"
        )
        broker = fill(options.users, options.permissions)
        for who in people(broker):
            measure(broker, who, options.rounds)
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


def fill(users: int, permissions: int) -> Broker:
    """Create the broker and its objects. Half of the permissions are managed, some of them pending."""
    now = datetime.now(UTC)
    broker = Broker.objects.create(
        name="bench", management_url="http://broker.example:15672", username="warren"
    )
    BrokerStatus.objects.create(
        broker=broker, state="reachable", state_since=now, answered_at=now, next_poll_at=now,
        next_inventory_at=now, depths_at=now, inventory_at=now, vitals_at=now,
    )  # fmt: skip
    seen = {"broker": broker, "first_seen_at": now, "changed_at": now}
    VirtualHost.objects.bulk_create(
        VirtualHost(name=f"/team/{v:03}", **seen) for v in range(VHOSTS)
    )
    BrokerUser.objects.bulk_create(BrokerUser(name=f"service-{u:04}", **seen) for u in range(users))
    pairs = sorted({(n % users, (n * 7 + n // users * 3) % VHOSTS) for n in range(permissions)})
    rows = [
        BrokerPermission(
            vhost=f"/team/{v:03}", user=f"service-{u:04}", configure=c, write=w, read=r, **seen
        )
        for n, (u, v) in enumerate(pairs)
        for c, w, r in [PATTERNS[n % len(PATTERNS)]]
    ]
    BrokerPermission.objects.bulk_create(rows, batch_size=2000)
    ManagedObject.objects.bulk_create(
        ManagedObject(
            broker=broker,
            kind="permission",
            key=[row.vhost, row.user],
            spec={},
            sync="pending" if n % 10 == 0 else "in_sync",
            verified_generation=1,
        )
        for n, row in enumerate(rows[::2])
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    return broker


def people(broker: Broker) -> list[str]:
    model = get_user_model()
    model.objects.create_superuser("superuser")
    part = model.objects.create_user("vhost administrator")
    Grant.objects.create(
        user=part,
        role=Role.VHOST_ADMINISTRATOR,
        broker=broker,
        vhost_pattern="/team/0*",
        created_at=datetime.now(UTC),
    )
    return ["superuser", "vhost administrator"]


def measure(broker: Broker, who: str, rounds: int) -> None:
    client = Client(headers={"host": "localhost"})
    client.force_login(get_user_model().objects.get(username=who))
    for label, query in (
        ("50 × 20 cells", ""),
        ("page 10, columns 3", "&page=10&columns=3"),
        ("100 × 20 cells", "&page_size=100"),
        ("filtered", "&users=service-00&vhosts=/team/00"),
        ("not alike", "&having=differing"),
        ("without rights", "&having=without"),
    ):
        address = f"/permissions/matrix/?broker={broker.pk}{query}"
        response = client.get(address)
        took = []
        for _ in range(rounds):
            begun = time.perf_counter()
            response = client.get(address)
            took.append((time.perf_counter() - begun) * 1000)
        with CaptureQueriesContext(connection) as queries:
            client.get(address)
        print(
            f"{who:20} {label:20} median {statistics.median(took):6.1f} ms  "
            f"worst {max(took):6.1f} ms  {len(queries):2} queries  {len(response.content):8,} bytes  "
            f"{response.status_code}"
        )


if __name__ == "__main__":
    main()
