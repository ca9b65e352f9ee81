"""Measures the map of a virtual host, with generated data.

    DATABASE_URL=postgres://… python bench/topology.py [--queues 10000] [--bindings 50000] [--rounds 15]

Creates a test database next to the one in DATABASE_URL. First the server's part: the page and its
data around one exchange of a large virtual host, through the complete middleware stack in this
process. Then Chromium: from the request to the drawn map of 400 objects, served by a thread of this
process. Drops the database again. Nothing is asserted: figures belong in bench/README.md.
"""

from __future__ import annotations

import argparse
import logging
import os
import random
import shutil
import statistics
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
os.environ.setdefault("CONSOLE_PLAIN_STATIC", "1")
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # Playwright runs a loop in this thread.
import django

django.setup()

from django.conf import settings  # noqa: E402
from django.contrib.auth import get_user_model  # noqa: E402
from django.contrib.staticfiles.handlers import StaticFilesHandler  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.testcases import LiveServerThread  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402

from console.models import Broker, BrokerStatus  # noqa: E402
from vhosts.models import Binding, Exchange, Queue  # noqa: E402

LARGE, SMALL = "/large", "/small"
EXCHANGES = 500


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--queues", type=int, default=10_000)
    parser.add_argument("--bindings", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    settings.ALLOWED_HOSTS = ["*"]
    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        broker = add_broker()
        fill(broker, LARGE, EXCHANGES, options.queues, options.bindings)
        fill(broker, SMALL, 80, 320, 640)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
        client = Client()
        client.force_login(get_user_model().objects.create_superuser("ada"))
        measure(client, broker, options.rounds)
        in_browser(client, broker, options.rounds)
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


def add_broker() -> Broker:
    now = datetime.now(UTC)
    broker = Broker.objects.create(
        name="bench", management_url="http://broker.example:15672", username="warren",
        poll_interval_s=3600, environment="staging",
    )  # fmt: skip
    BrokerStatus.objects.create(
        broker=broker, state="reachable", state_since=now, answered_at=now, next_poll_at=now,
        next_inventory_at=now, depths_at=now, inventory_at=now, vitals_at=now,
    )  # fmt: skip
    return broker


def fill(broker: Broker, vhost: str, exchanges: int, queues: int, bindings: int) -> None:
    """A tenth of the queues dead-letter to one of the exchanges."""
    rng = random.Random(7)
    now = datetime.now(UTC)
    seen = {"broker": broker, "vhost": vhost, "first_seen_at": now}
    Exchange.objects.bulk_create(
        Exchange(
            **seen, changed_at=now, name=f"events.{number:03}", type="topic", durable=True,
            arguments={"alternate-exchange": "events.000"} if number % 40 == 1 else {},
        )
        for number in range(exchanges)
    )  # fmt: skip
    Queue.objects.bulk_create(
        Queue(
            **seen, name=f"orders.{number:05}", type="quorum", state="running", durable=True,
            inventoried_at=now, ready=number, unacked=0, total=number, consumers=number % 4,
            arguments={"x-dead-letter-exchange": f"events.{number % exchanges:03}"}
            if number % 10 == 0
            else {},
        )
        for number in range(queues)
    )  # fmt: skip
    Binding.objects.bulk_create(
        (
            Binding(
                **seen, changed_at=now, source=f"events.{rng.randrange(exchanges):03}",
                destination_type="queue", destination=f"orders.{number % queues:05}",
                routing_key=f"key.{number}",
            )
            for number in range(bindings)
        ),
        batch_size=5000,
    )  # fmt: skip


def measure(client: Client, broker: Broker, rounds: int) -> None:
    exchange = {"exchange": "events.007"}
    queue = {"queue": "orders.00070"}
    for what, query in (
        ("too many: choose a start", {}),
        ("around an exchange, 1 step", {**exchange, "depth": "1"}),
        ("around an exchange, 2 steps", {**exchange, "depth": "2"}),
        ("around a queue, 2 steps", {**queue, "depth": "2"}),
    ):
        for path in ("/topology.json", "/topology/"):
            address = f"{path}?{urlencode({'broker': broker.pk, 'vhost': LARGE, **query})}"
            client.get(address)
            took = []
            for _ in range(rounds):
                with CaptureQueriesContext(connection) as queries:
                    began = time.perf_counter()
                    answer = client.get(address)
                    took.append((time.perf_counter() - began) * 1000)
            assert answer.status_code == 200, answer.status_code
            print(
                f"{what:30} {path:15} {statistics.median(took):7.1f} ms, worst {max(took):7.1f}, "
                f"{len(queries)} queries, {len(answer.content):,} bytes",
                flush=True,
            )


def in_browser(client: Client, broker: Broker, rounds: int) -> None:
    server = LiveServerThread("127.0.0.1", StaticFilesHandler, connections_override={})
    server.daemon = True
    server.start()
    server.is_ready.wait()
    base = f"http://127.0.0.1:{server.port}"
    session = client.cookies[settings.SESSION_COOKIE_NAME].value
    program = os.environ.get("CHROMIUM") or shutil.which("chromium")
    took = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for _ in range(rounds):
            context = browser.new_context(viewport={"width": 1280, "height": 900})
            context.add_cookies(
                [{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": base}]
            )
            page = context.new_page()
            page.goto(f"{base}/topology/?{urlencode({'broker': broker.pk, 'vhost': SMALL})}")
            page.wait_for_selector("[data-map][data-state=shown]")
            took.append(page.evaluate("performance.getEntriesByName('map-shown')[0].startTime"))
            objects = page.locator(".map-node").count()
            context.close()
        browser.close()
    server.terminate()
    print(
        f"Chromium, {objects} objects, empty cache: {statistics.median(took):.0f} ms from the request to the "
        f"drawn map, worst {max(took):.0f}, best {min(took):.0f}"
    )


if __name__ == "__main__":
    main()
