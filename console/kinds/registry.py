"""Every kind of object that can be on a broker, by name. This is the only list of kinds. A `Ref` or
kind name that isn't in it raises KeyError. Features about a particular kind can import it from here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from console.kinds.binding import BINDING
from console.kinds.cluster.connection import CONNECTION
from console.kinds.cluster.kind import CLUSTER
from console.kinds.common.kind import Key, Kind, Ref
from console.kinds.exchange import EXCHANGE
from console.kinds.global_parameter import GLOBAL_PARAMETER
from console.kinds.operator_policy import OPERATOR_POLICY
from console.kinds.parameter import PARAMETER
from console.kinds.parameters.federation_upstream import FEDERATION_UPSTREAM
from console.kinds.parameters.federation_upstream_set import FEDERATION_UPSTREAM_SET
from console.kinds.parameters.shovel import SHOVEL
from console.kinds.permission import PERMISSION
from console.kinds.policy import POLICY
from console.kinds.queue import QUEUE
from console.kinds.topic_permission import TOPIC_PERMISSION
from console.kinds.user import USER
from console.kinds.vhost import VHOST

__all__ = [
    "ACCOUNT",
    "CONTAINER",
    "KINDS",
    "OWNERS",
    "TOPIC_PERMISSION",
    "located",
    "moved",
    "parts_of",
    "phrase",
    "vhost_of",
]

KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        VHOST,
        USER,
        PERMISSION,
        TOPIC_PERMISSION,
        EXCHANGE,
        POLICY,
        OPERATOR_POLICY,
        SHOVEL,
        FEDERATION_UPSTREAM,
        FEDERATION_UPSTREAM_SET,
        PARAMETER,
        GLOBAL_PARAMETER,
        QUEUE,
        BINDING,
        CLUSTER,
        CONNECTION,
    )
}

#: The kind that contains others: the virtual host.
CONTAINER: Kind = next(kind for kind in KINDS.values() if kind.is_container)
#: The kind that signs in: RabbitMQ's user.
ACCOUNT: Kind = next(kind for kind in KINDS.values() if kind.is_account)
#: Kinds that other objects depend on: those are deleted with them.
OWNERS: tuple[str, ...] = (CONTAINER.name, ACCOUNT.name)


def phrase(ref: Ref) -> str:
    """Return the object for a sentence, such as "permission app on /"."""
    return KINDS[ref.kind].phrase(ref.key)


def parts_of(kind: str, key: Sequence[str]) -> list[tuple[str, str]]:
    """Return the parts of the key with their names: [("vhost", "/"), ("user", "app")]."""
    return list(zip(KINDS[kind].identity, key, strict=True))


def vhost_of(ref: Ref) -> str | None:
    """Return the object's virtual host; None if it belongs to the whole broker."""
    return KINDS[ref.kind].vhost_of(ref.key)


def moved(ref: Ref, vhost: str) -> Ref:
    """Return the object of the same name in another virtual host; `ref` itself if it is in none."""
    at = KINDS[ref.kind].vhost_at
    if at is None:
        return ref
    return Ref(ref.kind, (*ref.key[:at], vhost, *ref.key[at + 1 :]))


def located(segments: Sequence[str], body: Mapping[str, object]) -> Ref | None:
    """Return the object that a call of the management API is about; None if no kind has this
    address. `segments` follow /api/, unescaped."""
    for kind in KINDS.values():
        key: Key | None = kind.wire.located(segments, body)
        if key is not None:
            return Ref(kind.name, key)
    return None
