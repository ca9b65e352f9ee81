"""What an inventory reads of a broker, and how each part is mirrored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from console.rabbitmq.errors import BrokerError, LoginRefused
from console.rabbitmq.management.client import ManagementClient
from console.rabbitmq.types import Listing, QueueInfo, VhostInfo
from vhosts.polling.mirror import Kind

_SEEN = "changed_at"
VHOSTS = Kind(
    "vhosts",
    "vhosts_virtualhost",
    ("name",),
    {
        "description": "text",
        "tags": "text[]",
        "default_queue_type": "text",
        "tracing": "boolean",
        "protected_from_deletion": "boolean",
        "cluster_state": "jsonb",
        "limits": "jsonb",
    },
    _SEEN,
)
QUEUES = Kind(
    "queues",
    "vhosts_queue",
    ("vhost", "name"),
    {
        "type": "text",
        "state": "text",
        "node": "text",
        "durable": "boolean",
        "auto_delete": "boolean",
        "exclusive": "boolean",
        "arguments": "jsonb",
        "policy": "text",
        "operator_policy": "text",
    },
    "inventoried_at",
    leaves="gone_at",
)
EXCHANGES = Kind(
    "exchanges",
    "vhosts_exchange",
    ("vhost", "name"),
    {
        "type": "text",
        "durable": "boolean",
        "auto_delete": "boolean",
        "internal": "boolean",
        "arguments": "jsonb",
        "policy": "text",
    },
    _SEEN,
)
USERS = Kind(
    "users",
    "accessctl_brokeruser",
    ("name",),
    {
        "tags": "text[]",
        "has_password": "boolean",
        "has_default_password": "boolean",
        "hashing_algorithm": "text",
        "limits": "jsonb",
    },
    _SEEN,
)
PERMISSIONS = Kind(
    "permissions",
    "accessctl_brokerpermission",
    ("vhost", '"user"'),
    {"configure": "text", "write": "text", "read": "text"},
    _SEEN,
)
TOPIC_PERMISSIONS = Kind(
    "topic_permissions",
    "accessctl_brokertopicpermission",
    ("vhost", '"user"', "exchange"),
    {"write": "text", "read": "text"},
    _SEEN,
)
#: No broker is without these: an empty listing of them is no evidence.
NEVER_EMPTY = ("vhosts", "exchanges", "users")


@dataclass(frozen=True)
class Part:
    kind: Kind
    read: Callable[[ManagementClient], Listing[Any]]
    row: Callable[[Any], tuple[Any, ...]]


def _vhosts(client: ManagementClient) -> Listing[Any]:
    """(vhost, its limits) pairs; None where the limits cannot be read."""
    listing = client.vhosts()
    limits: dict[str, dict[str, int]] | None
    try:
        limits = {row.vhost: dict(row.limits) for row in client.vhost_limits().items}
    except LoginRefused:
        raise
    except BrokerError:
        limits = None
    pairs = [
        (item, None if limits is None else limits.get(item.name, {})) for item in listing.items
    ]
    return Listing(pairs, listing.rejected, listing.complete)


def _vhost_row(pair: tuple[VhostInfo, dict[str, int] | None]) -> tuple[Any, ...]:
    vhost, limits = pair
    return (
        vhost.name,
        vhost.description or "",
        list(vhost.tags),
        vhost.default_queue_type or "",
        vhost.tracing,
        vhost.protected_from_deletion,
        dict(vhost.cluster_state),
        limits or {},
    )


def _queue_row(queue: QueueInfo) -> tuple[Any, ...]:
    return (
        queue.vhost,
        queue.name,
        queue.type or "",
        queue.state or "",
        queue.node or "",
        queue.durable,
        queue.auto_delete,
        queue.exclusive,
        dict(queue.arguments),
        queue.policy or "",
        queue.operator_policy or "",
    )


PARTS: Sequence[Part] = (
    Part(VHOSTS, _vhosts, _vhost_row),
    Part(QUEUES, lambda client: client.queues(), _queue_row),
    Part(
        EXCHANGES,
        lambda client: client.exchanges(),
        lambda row: (
            row.vhost,
            row.name,
            row.type,
            row.durable,
            row.auto_delete,
            row.internal,
            dict(row.arguments),
            row.policy or "",
        ),
    ),
    Part(
        USERS,
        lambda client: client.users(),
        lambda user: (
            user.name,
            list(user.tags),
            user.has_password,
            user.has_default_password,
            user.hashing_algorithm or "",
            dict(user.limits),
        ),
    ),
    Part(
        PERMISSIONS,
        lambda client: client.permissions(),
        lambda row: (row.vhost, row.user, row.configure, row.write, row.read),
    ),
    Part(
        TOPIC_PERMISSIONS,
        lambda client: client.topic_permissions(),
        lambda row: (row.vhost, row.user, row.exchange, row.write, row.read),
    ),
)
