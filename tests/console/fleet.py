"""A fleet in the database, in every state, with names that mean harm. For tests of pages."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from console.models import Broker, BrokerStatus
from console.rabbitmq.endpoint import Secret
from console.secrets import encrypt

#: As markup each of these would set window.hacked or open a dialog.
HOSTILE = (
    "<img src=x onerror=\"alert('x')\"></td><script>alert(1)</script> \u202egnp.exe {{ 7|add:7 }}"
)
#: What a page must not show of HOSTILE: it would be markup then.
AS_MARKUP = ("<img src=x", "<script>alert", "\u202e")
#: Never to be seen on a page.
CANARY = "s3cr3t-canary-4711"

VITALS: dict[str, Any] = {
    "rabbitmq_version": "4.0.5",
    "erlang_version": "26.2",
    "cluster_name": "rabbit@a",
    "connections": 12,
    "channels": 30,
    "consumers": 9,
    "exchanges": 14,
    "publish_rate": 41.5,
    "deliver_rate": 0.0,
    "queues": 10482,
    "messages_ready": 184_231,
    "messages_unacked": 17,
    "depths_source": "prometheus",
    "alarms": [],
    "nodes": [
        {
            "name": "rabbit@a",
            "running": True,
            "mem_used": 400_000_000,
            "mem_limit": 1_000_000_000,
            "mem_alarm": False,
            "disk_free": 9_000_000_000,
            "disk_free_limit": 50_000_000,
            "disk_free_alarm": False,
            "fd_used": 40,
            "fd_total": 1024,
            "proc_used": 400,
            "uptime_ms": 1_036_800_000,
        }
    ],
    "listeners": [{"node": "rabbit@a", "protocol": "amqp", "address": "::", "port": 5672}],
}


def make(name: str, now: datetime, *, state: str = "reachable", **given: Any) -> Broker:
    """A broker as polling would leave it. `given` are columns of either table; `age` (seconds) is
    how old its figures are, None for never read."""
    columns = {
        key: given.pop(key)
        for key in list(given)
        if key in {field.name for field in Broker._meta.get_fields()} - {"status"}
    }
    age = given.pop("age", 3)
    at = None if age is None else now - timedelta(seconds=age)
    broker = Broker.objects.create(
        **{
            "name": name,
            "environment": "staging",
            "management_url": "https://rabbit.example.org:15671",
            "username": "warren",
            "password_encrypted": encrypt(Secret(CANARY)),
            "poll_interval_s": 10,
            **columns,
        }
    )
    seen = {} if at is None else {**VITALS, "vitals_at": at, "depths_at": at, "inventory_at": at}
    BrokerStatus.objects.create(
        **{
            "broker": broker,
            "state": state,
            "state_since": now - timedelta(hours=2),
            "next_poll_at": now + timedelta(hours=1),
            "next_inventory_at": now + timedelta(hours=1),
            "attempted_at": at,
            "answered_at": at,
            **seen,
            **given,
        }
    )
    return broker


def make_all_states(now: datetime) -> dict[str, Broker]:
    """One broker in each state a person can meet, by the word on its badge."""
    return {
        "Reachable": make("orders-eu", now, environment="production"),
        "Alarm": make("payments", now, alarms=["memory alarm on rabbit@a"]),
        "Failing": make(
            "shipping", now, age=12, failures=1, error_code="timed_out",
            error_detail="No complete answer in time.", next_poll_at=now + timedelta(seconds=4),
        ),
        "Refused": make(
            "billing", now, state="refused", age=7200, error_code="login_refused",
            error_detail="The broker refused the username or password.",
        ),
        "Unreachable": make(
            "telemetry", now, state="unreachable", age=None, error_code="connection_refused",
            error_detail="Nothing listens on telemetry.example.org port 15671.",
        ),
        "Stale": make("analytics", now, age=3000),
        "Not polled yet": make("fresh", now, state="new", age=None, state_since=now),
        "Disabled": make("parked", now, enabled=False, age=300_000),
        "Hostile": make(
            HOSTILE, now, age=1, state="unreachable", error_code="malformed_answer",
            error_detail=f"The broker answered {HOSTILE}", cluster_name=HOSTILE,
            rabbitmq_version=HOSTILE[:60], alarms=[HOSTILE], part_errors={"nodes": HOSTILE},
            nodes=[{"name": HOSTILE, "running": True}],
            listeners=[{"node": HOSTILE, "protocol": HOSTILE, "address": HOSTILE, "port": 1}],
        ),
    }  # fmt: skip


def hostile_node(broker: Broker, now: datetime) -> Any:
    """A node with every kind of trouble, and text that means harm in all its parts."""
    from vhosts.models import Node

    return Node.objects.create(
        broker=broker,
        name=HOSTILE,
        running=True,
        running_since=now,
        seen_at=now - timedelta(days=1),
        first_seen_at=now,
        partitions=[HOSTILE],
        mem_alarm=True,
        disk_free_alarm=True,
        being_drained=True,
        mem_used=9_000_000_000,
        mem_limit=8_000_000_000,
        certificates=[{"protocol": "https", "port": 1, "why": HOSTILE}],
        details={
            "facts": {"db_dir": "/" + "x" * 300, "os_pid": HOSTILE},
            "figures": {},
            "config_files": [HOSTILE],
            "log_files": [],
            "links": [{"node": HOSTILE, "address": HOSTILE, "sent": 1.5, "received": None}],
        },
    )
