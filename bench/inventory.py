"""What an inventory costs beside the bare HTTP GETs that it needs, and pages of what it stored.

    RABBITMQ_URL=http://user:password@host:port python -m bench.inventory [--queues 10000] [--exchanges 5] [--rounds 5]

Declares the queues, each bound to every exchange, in a vhost of its own on that broker (give it one of your
own: it will be busy), and then takes, one after the other:

- bare: GET of the same addresses over http.client, bodies read and thrown away;
- inventory: read, parse and store, by vhosts.polling.inventory.take, into the database of DATABASE_URL.

The first inventory, which adds all rows, is measured by itself. Broker, objects and rows of the bench are
removed again.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from typing import Any
from urllib.parse import quote

import django

from bench.poll import Live, _ms, _overview, _poll, _register, _say_where

VHOST = "bench-inventory"
_AT_ONCE = 10_000
PAGES = (
    "/bindings/",
    "/bindings/?sort=-destination",
    "/bindings/?sort=routing_key",
    "/bindings/?page=400",
    "/bindings/?source=exchange-1",
    "/bindings/?destination=queue-00077",
    "/bindings/?search=00077",
    "/bindings/?destination_type=exchange",
    "/exchanges/",
    "/exchanges/?unbound=1",
)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--queues", type=int, default=10_000)
    arguments.add_argument("--exchanges", type=int, default=5)
    arguments.add_argument("--rounds", type=int, default=5)
    arguments.add_argument("--keep", action="store_true", help="leave the objects on the broker")
    options = arguments.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
    os.environ["CONSOLE_ALLOW_LOOPBACK_BROKERS"] = "1"
    django.setup()
    live = Live(os.environ["RABBITMQ_URL"])
    try:
        _declare(live, options.queues, options.exchanges)
        broker = _register(live)
        try:
            _measure(live, broker, options.rounds)
            _measure_pages(options.rounds)
        finally:
            broker.delete()
        _say_where(live)
    finally:
        if not options.keep:
            live.request("DELETE", f"/api/vhosts/{VHOST}")


def _declare(live: Live, queues: int, exchanges: int) -> None:
    started = time.monotonic()
    live.request("PUT", f"/api/vhosts/{VHOST}")
    rights = '{"configure": ".*", "write": ".*", "read": ".*"}'
    live.request("PUT", f"/api/permissions/{VHOST}/{quote(live.username, safe='')}", rights)
    ends = [f"exchange-{number}" for number in range(exchanges)]
    names = [f"queue-{number:05}" for number in range(queues)]
    rows: dict[str, list[dict[str, Any]]] = {
        "exchanges": [
            {"name": name, "type": "topic", "durable": False, "auto_delete": False, "arguments": {}}
            for name in ends
        ],
        "queues": [
            {"name": name, "durable": False, "auto_delete": False, "arguments": {}} for name in names
        ],
        "bindings": [
            {
                "source": source, "destination": name, "destination_type": "queue",
                "routing_key": f"orders.{name}.{source}", "arguments": {},
            }
            for source in ends
            for name in names
        ],
    }  # fmt: skip
    for part in rows.values():
        for row in part:
            row["vhost"] = VHOST
    for name, part in rows.items():
        # RabbitMQ takes at most 8 MB at once.
        for at in range(0, len(part), _AT_ONCE):
            live.request("POST", "/api/definitions", json.dumps({name: part[at : at + _AT_ONCE]}))
    print(f"declared in {time.monotonic() - started:.0f} s", flush=True)
    while (_overview(live)["object_totals"]["queues"] or 0) < queues:
        time.sleep(1)
    time.sleep(10)


def _measure(live: Live, broker: Any, rounds: int) -> None:
    from console.models import BrokerStatus
    from console.rabbitmq.http.exchange import BoundedHttp
    from vhosts.models import Binding, Queue

    wanted: list[str] = []
    get = BoundedHttp.get

    def noted(self: Any, target: str, *args: Any, **kwargs: Any) -> Any:
        wanted.append(target)
        return get(self, target, *args, **kwargs)

    _poll(broker, {})
    BoundedHttp.get = noted  # type: ignore[method-assign]
    first = _take(broker)
    BoundedHttp.get = get  # type: ignore[method-assign]
    errors = BrokerStatus.objects.get(broker=broker).part_errors
    assert not errors, errors
    found = (
        Queue.objects.filter(broker=broker).count(),
        Binding.objects.filter(broker=broker).count(),
    )
    print(
        f"first inventory, which adds {found[0]:,} queues and {found[1]:,} bindings: {first:.1f} s"
    )
    bare, taken = [], []
    cpu: list[float] = []
    size = 0
    for number in range(rounds):
        for which in ("bare", "taken") if number % 2 else ("taken", "bare"):
            if which == "bare":
                started = time.perf_counter()
                size = sum(len(live.request("GET", target)) for target in wanted)
                bare.append(time.perf_counter() - started)
            else:
                began = time.process_time()
                taken.append(_take(broker))
                cpu.append(time.process_time() - began)
    ratios = sorted(one / other for one, other in zip(taken, bare, strict=True))
    print(
        f"{len(wanted)} requests, {size / 1e6:.1f} MB: bare {_ms(bare)}, inventory {_ms(taken)},"
        f" ratio median {statistics.median(ratios):.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f}),"
        f" of the quickest {min(taken) / min(bare):.2f}, own CPU {_ms(cpu)}"
    )


def _take(broker: Any) -> float:
    from console.models import BrokerStatus
    from vhosts.polling import dispatch
    from vhosts.polling.inventory import take

    now = dispatch.database_now()
    BrokerStatus.objects.filter(broker=broker).update(
        next_inventory_at=now, inventory_claimed_until=None
    )
    claim = next(
        due.claim for due in dispatch.claim_due_inventories(now) if due.broker_id == broker.pk
    )
    started = time.perf_counter()
    assert take.take(broker.pk, claim, dispatch.database_now())
    return time.perf_counter() - started


def _measure_pages(rounds: int) -> None:
    from django.conf import settings
    from django.contrib.auth.models import User
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    settings.ALLOWED_HOSTS = ["*"]
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    person = User.objects.create_superuser(f"bench {os.getpid()}")
    client = Client()
    client.force_login(person)
    try:
        for page in PAGES:
            times = []
            for _ in range(rounds + 1):
                started = time.perf_counter()
                answer = client.get(page, secure=True)
                times.append(time.perf_counter() - started)
                assert answer.status_code == 200, answer.content[:500]
            with CaptureQueriesContext(connection) as queries:
                client.get(page, secure=True)
            slowest = max(float(one["time"]) for one in queries.captured_queries)
            print(
                f"{page:>44}: {_ms(times[1:])}, {len(queries)} queries, slowest {slowest * 1000:.0f} ms"
            )
    finally:
        person.delete()


if __name__ == "__main__":
    main()
