"""Measures how many requests the web server serves in time, and what happens above that rate.

    DATABASE_URL=postgres://… python -m bench.load [--queues 10000] [--seconds 6] [--most 250]
        [--gunicorn "…"]

Creates and fills a test database as bench.pages does, starts the web server as bin/up does, and
requests a mix of pages, fragments and API lists. Open loop: requests start at their times (Poisson)
whether or not earlier ones were answered, so a backlog shows. Raises the rate until the 99th
percentile exceeds --most ms, then requests twice the highest rate that was served in time.
`--gunicorn` replaces the console's own gunicorn arguments, for comparison. Nothing is asserted:
figures belong in bench/README.md.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import random
import shlex
import socket
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from importlib import import_module

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, get_user_model
from django.db import connection

from bench import pages  # sets Django up
from vhosts.models import Queue

OWN = "--config python:console.web.configuration"
#: Seconds after which a client gives up, as people do.
PATIENCE_S = 5.0
#: Requests per second. The result is the highest rate that is served in time.
RATES = [4, 6, 8, 10, 12, 14, 16, 18, 20, 23, 26, 30, 35, 40, 50, 60, 80]


@dataclass
class Outcome:
    seconds: float
    asked: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    #: Milliseconds for each served answer, and for each refused one.
    served: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)

    def p(self, share: float, times: list[float]) -> float:
        return sorted(times)[min(int(len(times) * share), len(times) - 1)] if times else 0.0

    def line(self, rate: float) -> str:
        return (
            f"{rate:7.0f} {len(self.served) / self.seconds:9.1f} {self.p(0.5, self.served):8.0f}"
            f" {self.p(0.99, self.served):8.0f} {len(self.refused):8} {self.p(0.99, self.refused):8.0f}"
            f"   {dict(self.answers)}"
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--queues", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--most", type=float, default=250)
    parser.add_argument("--rates", type=float, nargs="+", default=RATES)
    parser.add_argument("--gunicorn", default=OWN)
    options = parser.parse_args()
    name = connection.settings_dict["NAME"]
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    try:
        pages.fill(options.queues)
        addresses, cookie = _mix(), _session()
        connection.close()
        print(
            f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}"
        )
        print(
            f"{'a second':>7} {'served/s':>9} {'median':>8} {'p99 ms':>8} {'refused':>8} {'p99 ms':>8}"
        )
        _measure(options, addresses, cookie)
    finally:
        connection.creation.destroy_test_db(name, verbosity=0)


def _mix() -> list[str]:
    queue = Queue.objects.order_by("-total").first()
    assert queue is not None
    broker = queue.broker_id
    return [
        "/", "/queues/", f"/queues/?broker={broker}&sort=name", f"/queues/{queue.pk}/", f"/brokers/{broker}/",
        "/vhosts/", "/changes/", "/api/v1/brokers/", "/api/v1/queues/?page_size=50", f"/queues/{queue.pk}/now/",
    ]  # fmt: skip


def _session() -> str:
    user, _ = get_user_model().objects.get_or_create(username="bench", is_superuser=True)
    store = import_module(settings.SESSION_ENGINE).SessionStore()
    store[SESSION_KEY] = str(user.pk)
    store[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.save()
    return f"{settings.SESSION_COOKIE_NAME}={store.session_key}"


def _measure(options: argparse.Namespace, addresses: list[str], cookie: str) -> None:
    best = 0.0
    for rate in options.rates:
        outcome = _run(options, addresses, cookie, rate)
        print(outcome.line(rate), flush=True)
        if (
            outcome.refused
            or outcome.answers["left"]
            or outcome.p(0.99, outcome.served) > options.most
        ):
            break
        best = rate
    best = best or options.rates[0]
    print(f"Served in time up to {best:.0f} a second. At twice that:")
    print(_run(options, addresses, cookie, 2 * best).line(2 * best), flush=True)


def _run(options: argparse.Namespace, addresses: list[str], cookie: str, rate: float) -> Outcome:
    """Run one rate against a new server, so that nothing is left of the rate before."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    database = connection.settings_dict
    url = f"postgres://{database['USER']}:{database['PASSWORD']}@{database['HOST']}:{database['PORT']}/{database['NAME']}"
    server = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "gunicorn",
            *shlex.split(options.gunicorn),
            "--bind",
            f"127.0.0.1:{port}",
        ],
        env={**os.environ, "DATABASE_URL": url, "CONSOLE_API_REQUESTS_PER_MINUTE": "100000"},
        stderr=subprocess.DEVNULL,
    )
    try:
        return asyncio.run(_load(port, addresses, cookie, rate, options.seconds))
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


async def _load(
    port: int, addresses: list[str], cookie: str, rate: float, seconds: float
) -> Outcome:
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            break
        except OSError:
            await asyncio.sleep(0.1)
    for address in addresses * 4:  # compile templates, open connections
        await _ask(port, address, cookie, Outcome(seconds))
    outcome, rng = Outcome(seconds), random.Random(11)
    tasks, at, began = [], 0.0, time.perf_counter()
    while (at := at + rng.expovariate(rate)) < seconds:
        await asyncio.sleep(max(0.0, began + at - time.perf_counter()))
        outcome.asked += 1
        tasks.append(asyncio.create_task(_ask(port, rng.choice(addresses), cookie, outcome)))
    await asyncio.gather(*tasks)
    return outcome


async def _ask(port: int, address: str, cookie: str, outcome: Outcome) -> None:
    started = time.perf_counter()
    writer = None
    try:
        async with asyncio.timeout(PATIENCE_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            words = f"GET {address} HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n"
            writer.write(words.encode())
            status = (await reader.read(2**22))[9:12].decode()
            while await reader.read(2**22):
                pass
    except TimeoutError:
        status = "left"
    except OSError:
        status = "broken"
    finally:
        if writer is not None:
            writer.close()
    took = (time.perf_counter() - started) * 1000
    outcome.answers[status] += 1
    if status == "200":
        outcome.served.append(took)
    elif status == "503":
        outcome.refused.append(took)


if __name__ == "__main__":
    main()
