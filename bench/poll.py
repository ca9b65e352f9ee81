"""What a poll costs beside the bare HTTP GETs of what it reads.

    RABBITMQ_URL=http://user:password@host:port python -m bench.poll [--queues 10000] [--rounds 9]

Declares the queues in vhosts of its own on that broker (give it one of your own: it will be busy),
lets a tenth of them change before each round, and then takes, one after the other:

- bare: GET of the same addresses over http.client, bodies read and thrown away;
- poll: collect, parse and store, by vhosts.polling.run, into the database of DATABASE_URL.

At the end a real Celery worker polls the same broker, and its memory is read. Brokers, queues and rows
of the bench are removed again.
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import django

from bench.live_broker import Live

VHOSTS = [f"bench-{number}" for number in range(5)]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--queues", type=int, default=10_000)
    arguments.add_argument("--rounds", type=int, default=9)
    arguments.add_argument("--keep", action="store_true", help="leave the queues on the broker")
    options = arguments.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
    os.environ["CONSOLE_ALLOW_LOOPBACK_BROKERS"] = "1"
    django.setup()
    live = Live(os.environ["RABBITMQ_URL"])
    listeners = _overview(live)["listeners"]
    ports = {listener["protocol"]: listener["port"] for listener in listeners}
    channels = {vhost: _vhost(live, ports["amqp"], vhost) for vhost in VHOSTS}
    names = [
        (VHOSTS[number % len(VHOSTS)], f"bench.orders.region-{number % 7}.queue-{number:05}")
        for number in range(options.queues)
    ]
    try:
        _declare(channels, names)
        print(f"{len(names):,} queues; settling", flush=True)
        _settle(live, len(names))
        broker = _register(live)
        try:
            for source in ("prometheus", "totals"):
                _measure(live, ports, broker, channels, names, source, options.rounds)
            _measure_worker(broker)
        finally:
            broker.delete()
        _say_where(live)
    finally:
        if not options.keep:
            for vhost in VHOSTS:
                live.request("DELETE", f"/api/vhosts/{vhost}")


def _overview(live: Live) -> Any:
    import json

    return json.loads(live.request("GET", "/api/overview"))


def _vhost(live: Live, amqp_port: int, vhost: str) -> Any:
    live.request("PUT", f"/api/vhosts/{vhost}")
    rights = '{"configure": ".*", "write": ".*", "read": ".*"}'
    live.request("PUT", f"/api/permissions/{vhost}/{quote(live.username, safe='')}", rights)
    return live.channel(amqp_port, vhost)


def _declare(channels: dict[str, Any], names: list[tuple[str, str]]) -> None:
    started = time.monotonic()
    for vhost, name in names:
        channels[vhost].queue_declare(name, durable=True)
    print(f"declared in {time.monotonic() - started:.0f} s")


def _settle(live: Live, queues: int) -> None:
    while (_overview(live)["object_totals"]["queues"] or 0) < queues:
        time.sleep(1)
    time.sleep(10)


def _register(live: Live) -> Any:
    from django.utils import timezone

    from console.models import Broker, BrokerStatus
    from console.rabbitmq.endpoint import Secret
    from console.secrets import encrypt

    now = timezone.now()
    broker = Broker.objects.create(
        name=f"bench {os.getpid()}",
        management_url=live.url,
        username=live.username,
        password_encrypted=encrypt(Secret(live.password)),
    )
    BrokerStatus.objects.create(
        broker=broker, state_since=now, next_poll_at=now, next_inventory_at=now
    )
    return broker


def _measure(
    live: Live,
    ports: dict[str, int],
    broker: Any,
    channels: dict[str, Any],
    names: list[tuple[str, str]],
    source: str,
    rounds: int,
) -> None:
    from console.models import BrokerStatus
    from console.rabbitmq.prometheus.counters import families, style_of
    from vhosts.models import Poll

    off = {}
    paths = [("/api/overview", 0), ("/api/nodes", 0), ("/api/health/checks/alarms", 0)]
    if source == "prometheus":
        style = style_of(_overview(live)["rabbitmq_version"])
        family = "&family=".join(["queue_coarse_metrics", *families(style)])
        paths.append((f"/metrics/detailed?family={family}", ports["http/prometheus"]))
    else:
        off = {"prometheus": {"until": "2999-01-01T00:00:00+00:00", "reason": "bench"}}
        columns = "vhost,name,messages,messages_ready,messages_unacknowledged"
        query = f"disable_stats=true&enable_queue_totals=true&columns={quote(columns)}"
        paths.append((f"/api/queues?{query}", 0))
    rng = random.Random(4730)
    bare, polls, changed = [], [], []
    work: list[tuple[float, float, float]] = []
    _poll(broker, off)  # the first poll adds all queues, so it isn't measured
    _age(broker)
    BrokerStatus.objects.filter(pk=broker.pk).update(sources_off=off)
    for number in range(rounds):
        for vhost, name in rng.sample(names, len(names) // 10):
            channels[vhost].basic_publish("", name, b"x")
        time.sleep(6)  # until the queues have reported it
        for which in ("bare", "poll") if number % 2 else ("poll", "bare"):
            if which == "bare":
                started = time.perf_counter()
                size = sum(len(live.request("GET", path, port=port)) for path, port in paths)
                bare.append(time.perf_counter() - started)
            else:
                began = _work()
                polls.append(_poll(broker, off))
                own, backend, logged = (b - a for a, b in zip(began, _work(), strict=True))
                work.append((own, backend, logged))
        newest = Poll.objects.filter(broker=broker).latest("slot_at")
        assert newest.source == source, (newest.source, newest.error_detail)
        assert newest.complete
        changed.append(newest.changed)
    ratios = sorted(poll / get for poll, get in zip(polls, bare, strict=True))
    print(
        f"{source:>10}: bare {_ms(bare)}, poll {_ms(polls)},"
        f" ratio median {statistics.median(ratios):.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f}),"
        f" of the quickest {min(polls) / min(bare):.2f},"
        f" own CPU {_ms([one[0] for one in work])}, Postgres {_ms([one[1] for one in work])},"
        f" WAL {statistics.median(one[2] for one in work) / 1000:,.0f} kB, {size / 1e6:.1f} MB, {statistics.median(changed):,.0f} changed"
    )


def _ms(seconds: list[float]) -> str:
    return (
        f"{statistics.median(seconds) * 1000:.0f} ms"
        f" ({min(seconds) * 1000:.0f}-{max(seconds) * 1000:.0f})"
    )


def _age(broker: Any) -> None:
    """Set what is stored back by ten minutes, so that growth over five is known and computed."""
    from django.db.models import F

    from vhosts.models import KnownSpan, Queue, RecentSnapshot

    before = timedelta(minutes=10)
    queues = Queue.objects.filter(broker=broker)
    queues.update(
        first_seen_at=F("first_seen_at") - before, depth_changed_at=F("depth_changed_at") - before
    )
    RecentSnapshot.objects.filter(queue_id__in=queues.values("pk")).update(at=F("at") - before)
    KnownSpan.objects.filter(broker=broker).update(from_at=F("from_at") - before)


def _work() -> tuple[float, float, int]:
    """Return the CPU of this process and of its Postgres backend in seconds (0 if Postgres runs
    elsewhere), and the bytes that Postgres has logged (WAL)."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid(), pg_current_wal_insert_lsn() - '0/0'")
        backend, logged = cursor.fetchone()
    try:
        spent = int(Path(f"/proc/{backend}/schedstat").read_text().split()[0]) / 1e9
    except OSError:
        spent = 0.0
    return time.process_time(), spent, int(logged)


def _poll(broker: Any, off: dict[str, Any]) -> float:
    claim = _claim(broker)
    from vhosts.polling import dispatch, run

    started = time.perf_counter()
    assert run.poll(broker.pk, claim, dispatch.database_now())
    return time.perf_counter() - started


def _claim(broker: Any) -> int:
    from console.models import BrokerStatus
    from vhosts.polling import dispatch

    while True:
        now = dispatch.database_now()
        BrokerStatus.objects.filter(pk=broker.pk).update(next_poll_at=now, claimed_until=None)
        for due in dispatch.claim_due_polls(now):
            if due.broker_id == broker.pk:
                return due.claim
        time.sleep(0.2)


def _measure_worker(broker: Any) -> None:
    """Measure a worker's memory, started as in production, after polls and an inventory."""
    from console.local.processes.programs import HEAPS
    from console.models import BrokerStatus
    from vhosts.models import Poll

    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **os.environ,
            "CONSOLE_STATE_DIR": folder,
            "CELERY_BROKER_URL": "filesystem://",
            "MALLOC_ARENA_MAX": HEAPS,
        }
        command = [sys.executable, "-m", "celery", "-A", "console"]
        options = ["worker", "-P", "threads", "-c", "8", "-Q", "default,polling", "-l", "ERROR"]
        worker = subprocess.Popen([*command, *options], env=environment)
        beat = subprocess.Popen([*command, "beat", "-l", "ERROR"], env=environment)
        try:
            BrokerStatus.objects.filter(pk=broker.pk).update(claimed_until=None, sources_off={})
            seen = Poll.objects.filter(broker=broker).count()
            ends = time.monotonic() + 120
            while Poll.objects.filter(broker=broker).count() < seen + 8 and time.monotonic() < ends:
                time.sleep(1)
            memory = {
                line.split(":")[0]: int(line.split()[1]) / 1024
                for line in Path(f"/proc/{worker.pid}/status").read_text().splitlines()
                if line.startswith(("VmRSS", "VmHWM"))
            }
            polls = Poll.objects.filter(broker=broker).count() - seen
            status = BrokerStatus.objects.get(pk=broker.pk)
            print(
                f"    worker: {memory['VmRSS']:.0f} MB (peak {memory['VmHWM']:.0f} MB) after"
                f" {polls} polls and an inventory of {status.inventory_took_ms} ms"
            )
        finally:
            for process in (beat, worker):
                process.terminate()
                process.wait(30)


def _say_where(live: Live) -> None:
    from django.db import connection

    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    print(
        f"{os.cpu_count()} x {model}; Python {platform.python_version()},"
        f" Postgres {connection.pg_version // 10000}.{connection.pg_version % 10000},"
        f" RabbitMQ {_overview(live)['rabbitmq_version']}; load {os.getloadavg()[0]:.1f}"
    )


if __name__ == "__main__":
    main()
