"""What an inventory reads of a broker, and how each part is mirrored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from console.faces.face import Face
from console.rabbitmq.cluster import ClusterView
from console.rabbitmq.errors import BrokerError, LoginRefused
from console.rabbitmq.management.client import ManagementClient
from console.rabbitmq.queue_states import state_of
from console.rabbitmq.types import Listing, QueueInfo, VhostInfo
from vhosts.polling.inventory.face_parts import faces, mirror_of, read, row_of
from vhosts.polling.inventory.mirror import Doubt, Kind

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
#: Shown to administrators only, and then all of them.
REFUSED_WHOLE = (PERMISSIONS, TOPIC_PERMISSIONS)
#: No broker is without these: an empty listing of them is no evidence.
NEVER_EMPTY = ("vhosts", "exchanges", "users")


@dataclass(frozen=True)
class Part:
    kind: Kind
    read: Callable[[ManagementClient], Listing[Any]]
    row: Callable[[Any, ClusterView], tuple[Any, ...]]


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


def _vhost_row(pair: tuple[VhostInfo, dict[str, int] | None], view: ClusterView) -> tuple[Any, ...]:
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


#: A queue that such a listing lacks and that a dead node could hold is not gone: a queue of another
#: type than classic may have members anywhere. It is down where its node is, else in no known state.
_HELD_BY_THE_DEAD = "(t.type <> 'classic' OR t.node = '' OR t.node = ANY(%(down)s))"
_THEIR_STATE = "state = CASE WHEN t.node = ANY(%(down)s) THEN 'down' ELSE '' END"


def doubt_of(kind: Kind, view: ClusterView) -> Doubt | None:
    """Which objects are not gone although a complete listing lacks them. What is replicated to every
    node – all but queues – is listed whole by any of them."""
    if kind is not QUEUES or not view.down:
        return None
    return Doubt(_HELD_BY_THE_DEAD, _THEIR_STATE, {"down": sorted(view.down)})


def can_tell_absence(kind: Kind, view: ClusterView) -> bool:
    """Whether the lack of an object in a listing says anything at all. Each side of a partition has
    objects of its own; and where it is not known which nodes run, any may hold queues."""
    return not view.partitioned and (view.known or kind is not QUEUES)


def _queue_row(queue: QueueInfo, view: ClusterView) -> tuple[Any, ...]:
    return (
        queue.vhost,
        queue.name,
        queue.type or "",
        state_of(queue, view) or "",
        queue.node or "",
        queue.durable,
        queue.auto_delete,
        queue.exclusive,
        dict(queue.arguments),
        queue.policy or "",
        queue.operator_policy or "",
    )


def parts() -> Sequence[Part]:
    """Every part of an inventory, in the order in which it is read."""
    return (*PARTS, *(_of_face(face) for face in faces()))


def _of_face(face: Face) -> Part:
    return Part(
        mirror_of(face.name),
        lambda client: read(face, client),
        lambda item, view: row_of(face, *item),
    )


#: Which exchanges are listed tells into which virtual hosts the user sees: see Sight.
PARTS: Sequence[Part] = (
    Part(VHOSTS, _vhosts, _vhost_row),
    Part(
        EXCHANGES,
        lambda client: client.exchanges(),
        lambda row, _: (
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
    Part(QUEUES, lambda client: client.queues(), _queue_row),
    Part(
        USERS,
        lambda client: client.users(),
        lambda user, _: (
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
        lambda row, _: (row.vhost, row.user, row.configure, row.write, row.read),
    ),
    Part(
        TOPIC_PERMISSIONS,
        lambda client: client.topic_permissions(),
        lambda row, _: (row.vhost, row.user, row.exchange, row.write, row.read),
    ),
)
