"""Read with the inventory what diagnosis and upgrade readiness need besides the mirrored objects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

import structlog
from django.db import DataError, transaction

from console.models import Broker, BrokerStatus
from console.rabbitmq.errors import AccessRefused, BrokerError, LoginRefused, NotFound
from console.rabbitmq.management.answers import rows_of
from console.rabbitmq.management.client import ManagementClient
from console.rabbitmq.management.objects import ObjectStore
from console.rabbitmq.text import printable
from vhosts.diagnosis.model import ClusterReport

log = structlog.get_logger(__name__)

_MOST_ROWS = 500
_MOST_NAMED = 200
#: With more consumers, listing them costs a node too much: about 40 microseconds for each.
_MOST_CONSUMERS = 1_000
_CHURN = (
    "connection_created", "connection_closed", "channel_created", "channel_closed", "queue_declared",
    "queue_created", "queue_deleted",
)  # fmt: skip


def take_report(
    broker: Broker, client: ManagementClient, hold: Callable[[], object], now: datetime
) -> None:
    """Store the broker's ClusterReport. A part that can't be read is None, with the reason. `hold`
    verifies the inventory's claim within the transaction that writes. Raises LoginRefused."""
    store, why = ObjectStore(client.http), dict[str, str]()
    parts: dict[str, Callable[[ObjectStore], Any]] = {
        "flags": _flags,
        "deprecated": _deprecated,
        "versions": _versions,
        "churn": _churn,
        "unlimited": lambda store: _unlimited(store, broker.pk),
    }
    columns = {name: _part(name, read, store, why) for name, read in parts.items()}
    try:
        with transaction.atomic():
            hold()
            ClusterReport.objects.update_or_create(
                broker=broker, defaults={**columns, "why": why, "read_at": now}
            )
    except DataError:
        log.warning("cluster_report_unstorable", broker_id=broker.pk, exc_info=True)


class _Unknown(Exception):
    """Why a part stays unknown, as a sentence."""


def _part(
    name: str, read: Callable[[ObjectStore], Any], store: ObjectStore, why: dict[str, str]
) -> Any:
    try:
        return read(store)
    except LoginRefused:
        raise
    except NotFound:
        why[name] = "This version of RabbitMQ doesn't report it."
    except AccessRefused:
        why[name] = "RabbitMQ reports it only to users with the tag administrator or monitoring."
    except BrokerError as error:
        why[name] = printable(error.detail or error.summary, 500)
    except _Unknown as error:
        why[name] = str(error)
    return None


def _flags(store: ObjectStore) -> list[dict[str, str]]:
    rows = rows_of(store.get("feature-flags"))[:_MOST_ROWS]
    return [{name: _text(row, name) for name in ("name", "state", "stability")} for row in rows]


def _deprecated(store: ObjectStore) -> list[dict[str, str]]:
    rows = rows_of(store.get("deprecated-features", "used"))[:_MOST_ROWS]
    return [
        {
            "name": _text(row, "name"),
            "phase": _text(row, "deprecation_phase"),
            "about": _text(row, "desc"),
        }
        for row in rows
    ]


def _versions(store: ObjectStore) -> dict[str, str]:
    """Return RabbitMQ's version by node: that of the application `rabbit`."""
    rows = rows_of(store.get("nodes", query={"columns": "name,applications"}))
    found = {}
    for row in rows[:_MOST_ROWS]:
        applications = row.get("applications")
        for one in applications if isinstance(applications, list) else []:
            if isinstance(one, dict) and one.get("name") == "rabbit":
                found[_text(row, "name")] = _text(one, "version")
    if not found:
        raise _Unknown("The nodes don't report their versions.")
    return found


def _churn(store: ObjectStore) -> dict[str, float]:
    told = store.get("overview", query={"columns": "churn_rates"})
    rates = told.get("churn_rates") if isinstance(told, dict) else None
    found = {}
    for name in _CHURN:
        details = rates.get(f"{name}_details") if isinstance(rates, dict) else None
        rate = details.get("rate") if isinstance(details, dict) else None
        if isinstance(rate, int | float) and not isinstance(rate, bool) and abs(rate) < 1e12:
            found[name] = float(rate)
    if not found:
        raise _Unknown("The broker reports no churn: its statistics are disabled.")
    return found


def _unlimited(store: ObjectStore, broker_id: int) -> list[dict[str, Any]]:
    known = BrokerStatus.objects.get(pk=broker_id).consumers
    if known is None or known > _MOST_CONSUMERS:
        raise _Unknown(
            f"Consumers are listed only up to {_MOST_CONSUMERS:,}, to spare the broker; it has "
            f"{'an unknown number of' if known is None else f'{known:,}'} consumers."
        )
    columns = "queue.vhost,queue.name,prefetch_count,ack_required"
    counts: Counter[tuple[str, str]] = Counter()
    for row in rows_of(store.get("consumers", query={"columns": columns})):
        queue = row.get("queue")
        if not isinstance(queue, dict) or row.get("prefetch_count") != 0:
            continue
        # Without acknowledgements, a prefetch limit has no effect.
        if row.get("ack_required") is not True:
            continue
        vhost, name = queue.get("vhost"), queue.get("name")
        if isinstance(vhost, str) and isinstance(name, str) and "\0" not in vhost + name:
            counts[vhost, name] += 1
    return [
        {"vhost": vhost, "queue": name, "consumers": number}
        for (vhost, name), number in counts.most_common(_MOST_NAMED)
    ]


def _text(row: dict[str, Any], name: str) -> str:
    return printable(str(row.get(name) or ""), 500)
