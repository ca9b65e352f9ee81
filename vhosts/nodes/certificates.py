"""Read the certificates of a broker's TLS listeners on the inventory's beat, and keep when they expire.

The addresses come from the broker: they pass the same checks as every other one, and no credentials
are sent there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import DatabaseError

from console.brokers.connect import endpoint_of
from console.errors import ConsoleError
from console.models import Broker, BrokerStatus
from console.rabbitmq.endpoint import Endpoint
from console.rabbitmq.errors import BrokerError
from console.rabbitmq.network.addresses import BadAddress, check_host, parse_management_url
from console.rabbitmq.network.certificate import certificate_at
from console.rabbitmq.prometheus.nodes import host_of
from console.rabbitmq.types import Listener
from vhosts.nodes.model import Node

log = structlog.get_logger(__name__)

#: A certificate that was replaced is seen after this time.
AGAIN_AFTER = timedelta(hours=1)
#: One that couldn't be read is tried sooner.
RETRY_AFTER = timedelta(minutes=10)
#: When a certificate counts as near its end.
SOON = timedelta(days=30)
_MOST_LISTENERS = 64
#: As RabbitMQ and its plugins name listeners with TLS.
_TLS = frozenset({
    "https", "amqp/ssl", "https/prometheus", "https/web-mqtt", "https/web-stomp", "https/web-amqp", "mqtt/ssl",
    "stomp/ssl", "stream/ssl",
})  # fmt: skip


def take_certificates(broker: Broker, now: datetime) -> None:
    """Read the certificates that are due. Trouble is stored with the listener, never raised."""
    try:
        present = list(Node.objects.present().filter(broker=broker))
        nodes = {node.name: node for node in present if _is_due(node, now)}
        if not nodes:
            return
        names = [node.name for node in present]
        status = BrokerStatus.objects.get(broker=broker)
        listeners = _with_tls(status.listeners, nodes)
        if listeners:
            endpoint = endpoint_of(broker)
            with ThreadPoolExecutor(8, thread_name_prefix="certificates") as pool:
                read = list(pool.map(lambda one: _read(endpoint, one, names), listeners))
        else:
            read = []
        for node in nodes.values():
            node.certificates = [told for name, told in read if name == node.name]
            node.certificates_at = now
        Node.objects.bulk_update(nodes.values(), ["certificates", "certificates_at"])
    except (ConsoleError, BrokerStatus.DoesNotExist):
        # No password: polls say so.
        return
    except DatabaseError:
        log.warning("certificates_not_kept", broker_id=broker.pk, exc_info=True)


def _is_due(node: Node, now: datetime) -> bool:
    if node.certificates_at is None:
        return True
    failed = any(one.get("why") for one in node.certificates)
    return now - node.certificates_at >= (RETRY_AFTER if failed else AGAIN_AFTER)


def _with_tls(rows: Iterable[Any], nodes: Collection[str]) -> list[Listener]:
    """Return each TLS listener once: RabbitMQ lists one per address family."""
    found: dict[tuple[str, int], Listener] = {}
    for row in rows:
        listener = Listener(**row)
        if listener.protocol in _TLS and listener.node in nodes and 0 < listener.port < 65536:
            found.setdefault((listener.node, listener.port), listener)
    return list(found.values())[:_MOST_LISTENERS]


def _read(
    endpoint: Endpoint, listener: Listener, nodes: Collection[str]
) -> tuple[str, dict[str, Any]]:
    told: dict[str, Any] = {"protocol": listener.protocol[:40], "port": listener.port}
    host = _host(endpoint, listener, nodes).strip("[]")
    try:
        if ":" not in host:
            check_host(host)
        found = certificate_at(host, listener.port, policy=endpoint.policy, tls=endpoint.tls)
    except BadAddress as error:
        return listener.node, {**told, "why": str(error)}
    except BrokerError as error:
        return listener.node, {**told, "why": (error.detail or error.summary)[:300]}
    return listener.node, {
        **told,
        "expires_at": found.expires_at.isoformat(),
        "valid_from": found.valid_from.isoformat(),
        "subject": found.subject,
        "issuer": found.issuer,
        "names": list(found.names),
    }


def _host(endpoint: Endpoint, listener: Listener, nodes: Collection[str]) -> str:
    """Return the listener's host. A single node is read on the management URL's host, whatever name
    it reports."""
    if len(nodes) == 1:
        return parse_management_url(endpoint.url).host
    return host_of(endpoint.url, listener, nodes)


def earliest_expiry(node: Node) -> datetime | None:
    """Return when the first of the node's certificates expires; None if none is known."""
    times = [
        datetime.fromisoformat(one["expires_at"])
        for one in node.certificates
        if "expires_at" in one
    ]
    return min(times, default=None)


def is_soon(at: datetime | None, now: datetime) -> bool:
    return at is not None and at - now < SOON
