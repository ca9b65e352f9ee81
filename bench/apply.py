"""Measures what a plan costs, and how fast a change is applied and read back, next to bare PUTs.

    RABBITMQ_URL=http://user:password@host:port python -m bench.apply [--users 1000] [--vhosts 5]

Creates users, and permissions for each of them on every vhost of its own, on that broker (use a
spare one: it will be busy). Does so in three ways in the same run, and deletes everything between
them:

- bare: PUT each object over 8 kept-alive connections of http.client, without reading back. Runs
  before and after the console's part, to show whether the machine's speed changes;
- plan: parse the definitions file and compare it with the live broker;
- apply: accept the plan into the database of DATABASE_URL and apply it with the change engine,
  reading back every object.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import platform
import statistics
import time
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from urllib.parse import quote, unquote, urlsplit
from uuid import uuid4

import django

CONNECTIONS = 8
Call = tuple[str, str, Any]


class Live:
    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.host, self.port = parts.hostname or "", parts.port or 80
        self.username = unquote(parts.username or "guest")
        self.password = unquote(parts.password or "guest")
        self.url = f"http://{self.host}:{self.port}"

    def run(self, calls: list[Call], connections: int = CONNECTIONS) -> float:
        """Run all calls, spread over the connections; return the seconds."""
        shares = [calls[start::connections] for start in range(connections)]
        started = time.perf_counter()
        with ThreadPoolExecutor(connections) as pool:
            for done in [pool.submit(self._share, share) for share in shares]:
                done.result()
        return time.perf_counter() - started

    def _share(self, calls: list[Call]) -> None:
        pair = b64encode(f"{self.username}:{self.password}".encode()).decode()
        headers = {"Content-Type": "application/json", "Authorization": f"Basic {pair}"}
        connection = http.client.HTTPConnection(self.host, self.port, timeout=120)
        for method, path, body in calls:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            answer.read()
            assert answer.status < 300 or (method, answer.status) == ("DELETE", 404), answer.status
        connection.close()

    def version(self) -> str:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=30)
        pair = b64encode(f"{self.username}:{self.password}".encode()).decode()
        connection.request("GET", "/api/overview", None, {"Authorization": f"Basic {pair}"})
        return str(json.loads(connection.getresponse().read())["rabbitmq_version"])


def path(*segments: str) -> str:
    return "/api/" + "/".join(quote(segment, safe="") for segment in segments)


class Wanted:
    def __init__(self, users: int, vhosts: int, hashed: str) -> None:
        tag = uuid4().hex[:6]
        self.vhosts = [f"bench-{tag}/{n}" for n in range(vhosts)]
        self.users = [f"bench-{tag}-{n:05}" for n in range(users)]
        self.hashed = hashed
        self.rights = {"configure": "^app", "write": ".*", "read": ".*"}

    @property
    def count(self) -> int:
        return len(self.vhosts) + len(self.users) * (1 + len(self.vhosts))

    def file(self) -> bytes:
        rows = {
            "vhosts": [{"name": vhost} for vhost in self.vhosts],
            "users": [
                {"name": user, "password_hash": self.hashed, "tags": [],
                 "hashing_algorithm": "rabbit_password_hashing_sha256"}
                for user in self.users
            ],
            "permissions": [
                {"vhost": vhost, "user": user, **self.rights}
                for vhost in self.vhosts for user in self.users
            ],
        }  # fmt: skip
        return json.dumps(rows).encode()

    def puts(self) -> list[list[Call]]:
        """Return the calls in groups; each group needs those before it."""
        return [
            [("PUT", path("vhosts", vhost), {}) for vhost in self.vhosts],
            [
                ("PUT", path("users", user), {"password_hash": self.hashed, "tags": ""})
                for user in self.users
            ],
            [
                ("PUT", path("permissions", vhost, user), self.rights)
                for vhost in self.vhosts
                for user in self.users
            ],
        ]

    def bare(self, live: Live) -> float:
        return sum(live.run(calls) for calls in self.puts())

    def remove(self, live: Live) -> None:
        live.run([("DELETE", path("users", user), None) for user in self.users])
        live.run([("DELETE", path("vhosts", vhost), None) for vhost in self.vhosts], 1)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--users", type=int, default=1000)
    parser.add_argument("--vhosts", type=int, default=5)
    parser.add_argument("--profile", action="store_true", help="where the engine's time goes")
    given = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
    os.environ.setdefault("CONSOLE_ALLOW_LOOPBACK_BROKERS", "1")
    django.setup()
    from django.contrib.auth import get_user_model
    from django.db import connection
    from django.utils import timezone

    from console.engine.applying.apply import apply_broker
    from console.models import Broker, BrokerStatus, Change
    from console.rabbitmq.endpoint import Secret
    from console.rabbitmq.passwords import hash_password
    from console.secrets import encrypt
    from vhosts.definitions.import_file import ImportOptions, accept_import, plan_import

    live = Live(os.environ["RABBITMQ_URL"])
    wanted = Wanted(given.users, given.vhosts, hash_password(Secret("bench")).reveal())
    person = get_user_model().objects.create_superuser(f"bench-{uuid4().hex[:8]}")
    broker = Broker.objects.create(
        name=f"bench {uuid4().hex[:8]}",
        management_url=live.url,
        username=live.username,
        password_encrypted=encrypt(Secret(live.password)),
        environment="development",
    )
    at = timezone.now()
    # Nothing polls the broker while this runs.
    later = at + timedelta(days=1)
    BrokerStatus.objects.create(
        broker=broker, state_since=at, next_poll_at=later, next_inventory_at=later
    )
    try:
        bare = [wanted.bare(live)]
        wanted.remove(live)
        started = time.perf_counter()
        plan = plan_import(
            broker=broker, body=wanted.file(), options=ImportOptions(), acting_user=person,
            now=timezone.now(),
        )  # fmt: skip
        planned = time.perf_counter() - started
        assert plan.sound, plan.counts()
        assert plan.counts()["create"] == wanted.count, plan.counts()
        started = time.perf_counter()
        change = accept_import(plan, acting_user=person, now=timezone.now(), origin="command")
        accepted = time.perf_counter() - started
        started = time.perf_counter()
        _profiled(given.profile, lambda: apply_broker(broker.pk, owner="bench", clock=timezone.now))
        applied = time.perf_counter() - started
        assert change is not None
        change.refresh_from_db()
        bad = change.steps.exclude(state="applied").first()
        assert bad is None, (change.state, bad.error_code, bad.error_detail, str(bad))
        assert change.steps.filter(state="applied").count() == wanted.count
        started = time.perf_counter()
        again = plan_import(
            broker=broker, body=wanted.file(), options=ImportOptions(), acting_user=person,
            now=timezone.now(),
        )  # fmt: skip
        planned_again = time.perf_counter() - started
        assert again.in_sync
        wanted.remove(live)
        bare.append(wanted.bare(live))
        with connection.cursor() as cursor:
            cursor.execute("SHOW server_version")
            postgres = cursor.fetchone()[0]
        puts, both = statistics.mean(bare), accepted + applied
        print(
            f"{wanted.count} objects: {given.users} users, {given.users * given.vhosts} permissions\n"
            f"RabbitMQ {live.version()}, Postgres {postgres}, Python {platform.python_version()}, "
            f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}\n"
            f"plan, all new         {planned:8.2f} s\n"
            f"plan, all there       {planned_again:8.2f} s\n"
            f"accept                {accepted:8.2f} s\n"
            f"apply and read back   {applied:8.2f} s   {wanted.count / applied:7.0f} objects/s\n"
            f"bare PUTs             {bare[0]:8.2f} s before, {bare[1]:.2f} s after   "
            f"{wanted.count / puts:7.0f} objects/s\n"
            f"speed of apply / bare {puts / applied:8.2f}   with accept {puts / both:.2f}"
        )
    finally:
        wanted.remove(live)
        Change.objects.filter(author=person).delete()
        broker.delete()
        person.delete()


def _profiled(wanted: bool, call: Any) -> None:
    if not wanted:
        call()
        return
    import cProfile
    import pstats

    profile = cProfile.Profile()
    profile.runcall(call)
    pstats.Stats(profile).sort_stats("cumulative").print_stats(45)


if __name__ == "__main__":
    main()
