"""Measures the list of connections, with 5,000 of them in a made-up answer of a broker.

    DATABASE_URL=postgres://… python -m bench.live [--connections 5000] [--rounds 15]

Creates a test database next to the one in DATABASE_URL, and drops it again. A server in this process
stands for the broker. First view: the broker's answer is fetched, decoded and stored, then the page
is rendered. After: the page from the shared reading. Requests go through the complete middleware
stack in this process. Prints the median and the worst of the rounds.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import statistics
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
os.environ.setdefault("CONSOLE_PLAIN_STATIC", "1")


def rows(count: int) -> list[dict[str, Any]]:
    """Return connections as RabbitMQ 3.10 lists them, with the columns that are requested."""
    return [
        {
            "name": f"10.0.{n // 250}.{n % 250}:5{n:05d} -> 10.9.0.1:5672", "vhost": f"vhost-{n % 25}",
            "user": f"app-{n % 40}", "user_provided_name": f"worker-{n}", "node": "rabbit@bench",
            "type": "network", "protocol": "AMQP 0-9-1", "state": "running", "host": "10.9.0.1",
            "port": 5672, "peer_host": f"10.0.{n // 250}.{n % 250}", "peer_port": 50_000 + n % 9_000,
            "ssl": False, "auth_mechanism": "PLAIN", "channels": n % 9, "channel_max": 2047,
            "frame_max": 131_072, "timeout": 60, "connected_at": 1_764_311_111_000 + n,
            "recv_oct": n * 100, "send_oct": n * 200, "recv_cnt": n, "send_cnt": n, "send_pend": 0,
            "recv_oct_details": {"rate": n / 7}, "send_oct_details": {"rate": n / 3},
            "client_properties": {
                "connection_name": f"worker-{n}", "product": "pika", "version": "1.3.2",
                "platform": "Python 3.11", "information": "See https://pika.readthedocs.io",
                "capabilities": {"consumer_cancel_notify": True, "publisher_confirms": True},
            },
        }
        for n in range(count)
    ]  # fmt: skip


def serve(count: int) -> str:
    """Start the broker's stand-in; return its address."""
    listed = json.dumps(rows(count)).encode()
    small = json.dumps({"name": "warren", "tags": ["administrator"]}).encode()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = listed if self.path.startswith("/api/connections") else small
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


def measure(count: int, rounds: int) -> None:
    """Measure in the database that Django uses now, and print the figures."""
    from django.contrib.auth import get_user_model
    from django.test import Client
    from django.urls import reverse
    from django.utils import timezone

    from console.models import Broker, BrokerStatus
    from console.rabbitmq.endpoint import Secret
    from console.secrets import encrypt
    from vhosts.models import LiveReading

    broker = Broker.objects.create(
        name="bench", management_url=serve(count), username="warren",
        password_encrypted=encrypt(Secret("a")), poll_interval_s=10, environment="development",
    )  # fmt: skip
    now = timezone.now()
    BrokerStatus.objects.create(
        broker=broker, state_since=now, next_poll_at=now, next_inventory_at=now
    )
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("bench"))
    addresses = {"first view": {}, "after": {}, "after, filtered and sorted": {
        "user": "app-3", "sort": "-in_rate"}}  # fmt: skip
    client.get(reverse("connections"), {"broker": broker.pk})  # loads templates
    for label, query in addresses.items():
        took = []
        for _ in range(rounds):
            if label == "first view":
                LiveReading.objects.all().delete()
            else:
                LiveReading.objects.update(took_ms=10**6)  # stays shared
            started = time.perf_counter()
            page = client.get(reverse("connections"), {"broker": broker.pk, **query})
            took.append((time.perf_counter() - started) * 1000)
            assert page.status_code == 200, page.content
        worst = max(took)
        print(
            f"{count:,} connections, {label}: {statistics.median(took):.0f} ms, worst {worst:.0f} ms"
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--connections", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    import django

    django.setup()
    from django.db import connection

    logging.disable(logging.CRITICAL)
    load = os.getloadavg()[0]
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, load {load:.1f}, Python {platform.python_version()}"
    )
    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        measure(options.connections, options.rounds)
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


if __name__ == "__main__":
    main()
