"""Measures how fast queues and their bindings are created by one change, next to bare calls.

    RABBITMQ_URL=http://user:password@host:port python -m bench.queues [--queues 1000]

Creates queues in a vhost of its own, each with two bindings to amq.topic, on that broker (use a
spare one: it will be busy). Bare: PUT and POST each object over 8 kept-alive connections, without
reading back, before and after the console's part. Apply: accept the plan into the database of
DATABASE_URL and apply it with the change engine, reading back every object.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from datetime import timedelta
from uuid import uuid4

import django

from bench.apply import Call, Live, path


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--queues", type=int, default=1000)
    number = parser.parse_args().queues
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "console.settings")
    django.setup()
    live = Live(os.environ["RABBITMQ_URL"])
    vhost = f"bench-{uuid4().hex[:6]}"
    make: list[Call] = [("PUT", path("vhosts", vhost), {})]
    queues = [f"q{n}" for n in range(number)]
    puts: list[Call] = [("PUT", path("queues", vhost, name), {"durable": True}) for name in queues]
    binds: list[Call] = [
        ("POST", path("bindings", vhost, "e", "amq.topic", "q", name), {"routing_key": key})
        for name in queues
        for key in ("a", "b")
    ]
    drop: list[Call] = [("DELETE", path("vhosts", vhost), None)]

    def bare() -> float:
        live.run(make)
        took = live.run(puts) + live.run(binds)
        live.run(drop)
        return took

    before = bare()
    live.run(make)
    applied, state = _apply(live, vhost, queues)
    live.run(drop)
    after = bare()
    ratio = statistics.mean([before, after]) / applied
    print(
        f"RabbitMQ {live.version()}, Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}"
    )
    print(f"{number} queues, {2 * number} bindings: bare {before:.1f} s and {after:.1f} s, "
          f"apply {applied:.1f} s ({state}): {ratio:.2f} x bare")  # fmt: skip


def _apply(live: Live, vhost: str, queues: list[str]) -> tuple[float, str]:
    from django.contrib.auth import get_user_model
    from django.utils import timezone

    from console.engine.accept import accept
    from console.engine.applying.apply import apply_broker
    from console.engine.proposal import DesiredObject, Proposal
    from console.kinds.common.kind import Ref
    from console.models import Broker, BrokerStatus
    from console.rabbitmq.endpoint import Secret
    from console.secrets import encrypt

    now = timezone.now()
    author = get_user_model().objects.create_superuser(f"bench-{uuid4().hex[:8]}")
    broker = Broker.objects.create(
        name=f"bench {uuid4().hex[:8]}",
        management_url=live.url,
        username=live.username,
        password_encrypted=encrypt(Secret(live.password)),
        environment="development",
    )
    later = now + timedelta(days=1)
    BrokerStatus.objects.create(
        broker=broker, state_since=now, next_poll_at=later, next_inventory_at=later,
        rabbitmq_version=live.version(),
    )  # fmt: skip
    keys = [("queue", (vhost, name), {"durable": True}) for name in queues]
    keys += [
        ("binding", (vhost, "amq.topic", "queue", name, key, "{}"), {})
        for name in queues
        for key in ("a", "b")
    ]
    desired = [
        DesiredObject(
            broker=broker, ref=Ref(kind, key), spec=spec, observed=None, permission="queues:edit"
        )
        for kind, key, spec in keys
    ]
    try:
        proposal = Proposal(title="bench", desired_objects=desired, origin="command")
        change = accept(proposal, now=now, acting_user=author)
        started = time.perf_counter()
        apply_broker(broker.pk, owner=uuid4().hex, clock=timezone.now)
        took = time.perf_counter() - started
        change.refresh_from_db()
        return took, change.state
    finally:
        broker.delete()
        author.delete()


if __name__ == "__main__":
    main()
