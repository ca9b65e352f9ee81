"""After each part of an inventory: what of it differs from what was asked for here."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from accessctl.models import BrokerUser
from accessctl.users.specs import seen_permissions, seen_topic_permissions, seen_users
from console.engine.drift import note_drift
from console.engine.retire import There, retire_leftovers
from console.faces.face import FACES
from console.kinds.common.kind import Key, Spec
from console.models import Broker, ManagedObject
from vhosts.drift.seen_objects import seen_by_face
from vhosts.models import VirtualHost
from vhosts.virtual_hosts.specs import seen_vhosts

_KINDS: Mapping[str, tuple[str, Callable[[Broker], Mapping[Key, Spec]]]] = {
    "vhosts": ("vhost", seen_vhosts),
    "users": ("user", seen_users),
    "permissions": ("permission", seen_permissions),
    "topic_permissions": ("topic_permission", seen_topic_permissions),
}


def _kind_of(part: str) -> tuple[str, Callable[[Broker], Mapping[Key, Spec]]] | None:
    if part in _KINDS:
        return _KINDS[part]
    face = next((face for face in FACES.values() if face.route == part), None)
    return None if face is None else (face.name, lambda broker: seen_by_face(face, broker))


def note_part(
    part: str,
    items: Sequence[Any],
    broker: Broker,
    *,
    complete: bool,
    now: datetime,
    unread: Collection[Key] = (),
) -> int:
    """How many managed objects of the part differ; 0 for a part of which nothing is managed. `items` is
    what the broker listed, already laid over the mirror; `unread` was listed and could not be read."""
    found = _kind_of(part)
    if found is None:
        return 0
    kind, seen_of = found
    if not ManagedObject.objects.filter(broker=broker, kind=kind).exists():
        return 0
    seen = dict(seen_of(broker))
    if kind == "vhost" and any(limits is None for _, limits in items):
        # They could not be read: unknown, not none.
        seen = {key: {k: v for k, v in spec.items() if k != "limits"} for key, spec in seen.items()}
    there = _there(broker) if kind in _HANGING else {}
    if kind in _OWNERS:
        retire_leftovers(broker, kind, seen, now)
    return note_drift(broker, kind, seen, complete=complete, now=now, there=there, unread=unread)


#: Kinds whose objects go with their virtual host and their user.
_HANGING = ("permission", "topic_permission")
_OWNERS = ("vhost", "user")


def _there(broker: Broker) -> There:
    return {
        "vhost": set(VirtualHost.objects.filter(broker=broker).values_list("name", flat=True)),
        "user": set(BrokerUser.objects.filter(broker=broker).values_list("name", flat=True)),
    }
