"""Measures what a tap and its page cost while a publisher sends 1,000 messages a second.

    DATABASE_URL=postgres://… RABBITMQ_URL=http://user:password@host:port python -m bench.listen [--rate 1000]
        [--seconds 20] [--amqp-port 5672]

Creates a test database next to the one in DATABASE_URL, and a virtual host on the broker, and drops
both again. The publisher is a process of its own. The tap runs in a thread of this process, and the
page asks once a second through the complete middleware stack in this process too. Prints the share
of a core that this process used, with and without the page, beside a bare pika consumer of the same
messages in the same run.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit
from uuid import uuid4

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
os.environ.setdefault("CONSOLE_PLAIN_STATIC", "1")
os.environ.setdefault("CONSOLE_ALLOW_LOOPBACK_BROKERS", "1")

_PUBLISHER = """
import json, sys, time, pika
url, rate, seconds = sys.argv[1], float(sys.argv[2]), float(sys.argv[3])
channel = pika.BlockingConnection(pika.URLParameters(url)).channel()
body = json.dumps({"order": 4730, "lines": ["a" * 20] * 15}).encode()
properties = pika.BasicProperties(content_type="application/json", headers={"region": "eu"})
started, sent = time.monotonic(), 0
while (now := time.monotonic() - started) < seconds:
    while sent < now * rate:
        channel.basic_publish("busy", "order.new", body, properties)
        sent += 1
    time.sleep(0.005)
channel.connection.close()
print(sent)
"""


def measure(rate: int, seconds: float, url: str, amqp_port: int) -> None:
    import pika
    from django.conf import settings
    from django.contrib.auth import get_user_model
    from django.test import Client
    from django.urls import reverse
    from django.utils import timezone

    from console.models import Broker, BrokerStatus
    from console.rabbitmq.endpoint import Secret
    from console.secrets import encrypt
    from vhosts.messages.listening.model import Tap
    from vhosts.models import Exchange

    settings.ALLOWED_HOSTS = ["*"]
    settings.ALLOW_LOOPBACK_BROKERS = True
    parts = urlsplit(url)
    username, password = unquote(parts.username or ""), unquote(parts.password or "")
    vhost = f"bench-{uuid4().hex[:8]}"
    now = timezone.now()
    broker = Broker.objects.create(
        name="bench",
        management_url=f"http://{parts.hostname}:{parts.port}",
        amqp_url=f"amqp://{parts.hostname}:{amqp_port}",
        username=username,
        password_encrypted=encrypt(Secret(password)),
        environment="development",
    )
    BrokerStatus.objects.create(
        broker=broker, state_since=now, next_poll_at=now, next_inventory_at=now
    )
    from console.brokers.connect import connect
    from console.rabbitmq.management.paths import path

    with connect(broker) as client:
        client.http.exchange("PUT", path("vhosts", vhost), body=b"{}")
        rights = json.dumps({"configure": ".*", "write": ".*", "read": ".*"}).encode()
        client.http.exchange("PUT", path("permissions", vhost, username), body=rights)
    try:
        amqp = f"amqp://{username}:{password}@{parts.hostname}:{amqp_port}/{vhost}"
        channel = pika.BlockingConnection(pika.URLParameters(amqp)).channel()
        channel.exchange_declare("busy", "fanout", durable=True)
        channel.queue_declare("theirs", arguments={"x-max-length": 1000})
        channel.queue_bind("theirs", "busy")
        channel.connection.close()
        Exchange.objects.create(
            broker=broker,
            vhost=vhost,
            name="busy",
            type="fanout",
            first_seen_at=now,
            changed_at=now,
        )
        _print("a bare consumer with automatic acknowledgement", *_bare(amqp, rate, seconds))
        browser = Client()
        browser.force_login(get_user_model().objects.create_superuser("bench"))
        given = {"broker": broker.pk, "vhost": vhost, "exchange": "busy"}
        begun = browser.post(reverse("listen_start"), given)
        shown = browser.get(begun["Location"]).content.decode()
        found = re.search(r'data-listen="([^"]+)"', shown)
        assert found is not None, shown
        address = found[1]

        def ask(after: str) -> tuple[str, int, str]:
            text = browser.post(address, {"after": after}).content.decode()
            match = re.search(r'data-after="(\d+)"', text)
            assert match is not None, text
            return match[1], text.count("<details"), text

        after = "0"
        while not Tap.objects.filter(listening_since__isnull=False).exists():
            after, _, _ = ask(after)
            time.sleep(0.2)
        for label, asks in (("tap and page", True), ("tap alone, viewer only alive", False)):
            publisher = _publish(amqp, rate, seconds + 2)
            time.sleep(1)
            cpu, began, rows, said = time.process_time(), time.monotonic(), 0, ""
            while time.monotonic() - began < seconds:
                due = time.monotonic() + 1
                if asks:
                    after, count, text = ask(after)
                    rows += count
                    said = re.sub(r"<[^>]+>|\s+", " ", text[: text.find("data-rows-new")])
                else:
                    after, _, _ = ask(str(10**15))
                time.sleep(max(0.0, due - time.monotonic()))
            share = (time.process_time() - cpu) / (time.monotonic() - began)
            _print(label, share, int(publisher.communicate()[0]) / (seconds + 2))
            if asks:
                print(
                    f"  {rows / seconds:.0f} rows a second shown; the page says: {said[-90:].strip()}"
                )
        browser.post(address.replace("/messages/", "/stop/"))
    finally:
        with connect(broker) as client:
            client.http.exchange("DELETE", path("vhosts", vhost))


def _bare(amqp: str, rate: int, seconds: float) -> tuple[float, float]:
    """Return the share of a core of a consumer that counts, and the messages a second."""
    import pika

    connection = pika.BlockingConnection(pika.URLParameters(amqp))
    channel = connection.channel()
    queue = channel.queue_declare("", exclusive=True).method.queue
    channel.queue_bind(queue, "busy")
    seen = [0]

    def take(*_: Any) -> None:
        seen[0] += 1

    channel.basic_consume(queue, take, auto_ack=True)
    publisher = _publish(amqp, rate, seconds + 2)
    cpu, began = time.process_time(), time.monotonic()
    while time.monotonic() - began < seconds:
        connection.process_data_events(time_limit=0.5)
    share = (time.process_time() - cpu) / (time.monotonic() - began)
    connection.close()
    publisher.communicate()
    return share, seen[0] / seconds


def _publish(amqp: str, rate: int, seconds: float) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _PUBLISHER, amqp, str(rate), str(seconds)],
        stdout=subprocess.PIPE,
        text=True,
    )


def _print(label: str, share: float, rate: float) -> None:
    print(f"{label}: {share:.0%} of a core at {rate:,.0f} messages a second", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--amqp-port", type=int, default=5672)
    options = parser.parse_args()
    import django

    django.setup()
    from django.db import connection

    logging.disable(logging.CRITICAL)
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, "
        f"Python {platform.python_version()}"
    )
    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        measure(options.rate, options.seconds, os.environ["RABBITMQ_URL"], options.amqp_port)
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


if __name__ == "__main__":
    main()
