"""Rows of the registry written straight into the models, without a broker; names that hurt."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from accessctl.models import BrokerPermission, BrokerTopicPermission, BrokerUser
from console.models import Broker, BrokerStatus
from console.rabbitmq.endpoint import Secret
from console.secrets import encrypt
from vhosts.models import (
    KnownSpan,
    LiveChannel,
    LiveConnection,
    LiveConsumer,
    LiveReading,
    Queue,
    VirtualHost,
)

#: Names that a broker can really hold, each meant to break something (reliability: N1–N33).
HOSTILE = [
    "<img src=x onerror=alert(1)>",
    '"><svg/onload=alert(1)>',
    "</script><script>alert(1)</script>",
    "{{7*7}}{% now %}",
    "javascript:alert(1)",
    "abc\u202egnp.exe",
    "zero\u200bwidth",
    "=1+1",
    "@SUM(A1)",
    "-2",
    "\t=cmd",
    "a/b",
    "%2F",
    "?x=1&y#z",
    "  spaces  ",
    "é" * 127,
    "x" * 255,
    "null",
    "new\nline",
    "'; DROP TABLE vhosts_queue; --",
]


def register_broker(**columns: Any) -> Broker:
    """A broker with its BrokerStatus, due for its first poll at `now`. At an address where nothing listens
    unless `management_url` says otherwise; `password` is clear text."""
    at = columns.pop("now", None) or datetime.now(UTC)
    password = columns.pop("password", "correct horse battery")
    broker = Broker.objects.create(
        **{
            "name": f"broker {uuid4().hex[:8]}",
            "management_url": "http://127.0.0.1:9",
            "username": "warren",
            "password_encrypted": encrypt(Secret(password)),
            "poll_interval_s": 10,
            "environment": "development",
            **columns,
        }
    )
    BrokerStatus.objects.create(
        broker=broker, state_since=at, next_poll_at=at, next_inventory_at=at
    )
    return broker


def add_broker(name: str, now: datetime, **status: Any) -> Broker:
    broker = Broker.objects.create(
        name=name,
        environment="development",
        management_url="http://127.0.0.1:9",
        username="warren",
        poll_interval_s=10,
    )
    fresh = {"depths_at": now, "inventory_at": now, "answered_at": now, "state": "reachable"}
    BrokerStatus.objects.create(
        broker=broker,
        state_since=now,
        next_poll_at=now,
        next_inventory_at=now,
        **{**fresh, **status},
    )
    KnownSpan.objects.create(
        broker=broker, from_at=now - timedelta(days=2), last_at=now, until_at=now
    )
    return broker


def add_queue(broker: Broker, name: str, now: datetime, **columns: Any) -> Queue:
    depth = {"ready": 5, "unacked": 2, "total": 7, "consumers": 1, "depth_changed_at": now}
    return Queue.objects.create(
        broker=broker,
        name=name,
        **{
            "vhost": "/",
            "type": "classic",
            "state": "running",
            "durable": True,
            "inventoried_at": now,
            "first_seen_at": now,
            **depth,
            **columns,
        },
    )


def add_vhost(broker: Broker, name: str, now: datetime, **columns: Any) -> VirtualHost:
    return VirtualHost.objects.create(
        broker=broker, name=name, first_seen_at=now, changed_at=now, **columns
    )


def add_user(broker: Broker, name: str, now: datetime, **columns: Any) -> BrokerUser:
    return BrokerUser.objects.create(
        broker=broker, name=name, first_seen_at=now, changed_at=now, **columns
    )


def permit(broker: Broker, user: str, vhost: str, now: datetime, *patterns: str) -> Any:
    configure, write, read = patterns or (".*", ".*", ".*")
    return BrokerPermission.objects.create(
        broker=broker, user=user, vhost=vhost, configure=configure, write=write, read=read,
        first_seen_at=now, changed_at=now,
    )  # fmt: skip


def permit_topic(broker: Broker, user: str, vhost: str, exchange: str, now: datetime) -> Any:
    return BrokerTopicPermission.objects.create(
        broker=broker, user=user, vhost=vhost, exchange=exchange, write="^a", read=".*",
        first_seen_at=now, changed_at=now,
    )  # fmt: skip


def connect_client(broker: Any, now: datetime, vhost: str = "/") -> dict[str, int]:
    """Store a connection with a channel and a consumer as if they had just been read; return their
    IDs by what they are."""
    shared = {
        "broker": broker,
        "vhost": vhost,
        "user": "app",
        "peer_host": "10.0.0.1",
        "peer_port": 50000,
    }
    name = "10.0.0.1:50000 -> 10.0.0.9:5672"
    number = broker.pk * 10
    LiveConnection.objects.create(id=number + 1, **shared, name=name, connected_at=now)
    LiveChannel.objects.create(id=number + 2, **shared, name=f"{name} (1)", connection=name)
    LiveConsumer.objects.create(id=number + 3, **shared, queue="q", connection=name)
    for what in ("connections", "channels", "consumers"):
        LiveReading.objects.create(
            broker=broker, list=what, generation=broker.generation, read_at=now, tried_at=now,
            complete=True, took_ms=10**6,
        )  # fmt: skip
    return {"connection": number + 1, "channel": number + 2, "consumer": number + 3}
