"""Remove objects that a change deleted from the mirror at once.

The objects deleted with them go too (permissions, queues and policies of a virtual host), and so
do their shares in the broker's totals.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q

from console.faces.face import FACES, Face
from console.kinds.common.kind import Key, Ref
from console.kinds.registry import KINDS, OWNERS
from console.models import Broker, ManagedObject
from console.reconcile.dependents import hanging_on


def drop_gone(broker_id: int, kind: str, gone: Sequence[Key], now: datetime) -> None:
    """Remove `gone` and their dependents. Needs a transaction that locks the broker's status."""
    if kind in FACES:
        _drop(FACES[kind], broker_id, _named(FACES[kind], broker_id, gone), now)
    parts: dict[str, list[Mapping[int, str]]] = {}
    for key in gone:
        for hanging, where in hanging_on(Ref(kind, key)):
            parts.setdefault(hanging, []).append(where)
    for hanging, places in parts.items():
        if hanging in FACES:
            _drop(FACES[hanging], broker_id, _placed(FACES[hanging], places), now)


def _drop(face: Face, broker_id: int, which: Q, now: datetime) -> None:
    face.mirror.drop(face.model, broker_id, which, now)


def _named(face: Face, broker_id: int, keys: Collection[Key]) -> Q:
    columns, wanted = face.kind.identity, set(keys)
    named = {f"{name}__in": {key[at] for key in wanted} for at, name in enumerate(columns)}
    rows = face.model._default_manager.filter(broker=broker_id, **named)
    found = rows.values_list("pk", *columns)
    return Q(pk__in=[pk for pk, *key in found if tuple(key) in wanted])


def _placed(face: Face, places: Sequence[Mapping[int, str]]) -> Q:
    """Return the rows whose key has one of these parts, by position."""
    names: dict[int, set[str]] = {}
    which = Q()
    for place in places:
        if len(place) == 1:
            ((at, name),) = place.items()
            names.setdefault(at, set()).add(name)
        else:
            which |= Q(**{face.kind.identity[at]: name for at, name in place.items()})
    for at, those in names.items():
        which |= Q(**{f"{face.kind.identity[at]}__in": those})
    return which


@dataclass(frozen=True, slots=True)
class GoneSince:
    """Virtual hosts and users that a change deleted after an inventory began. What the inventory's
    listings say about them and their dependents is out of date."""

    vhosts: Collection[str]
    users: Collection[str]

    def tells_of(self, kind: str, row: Sequence[Any]) -> bool:
        """Return whether a row of the kind belongs to one of them. A row starts with its key."""
        found, key = KINDS[kind], tuple(row)
        return found.vhost_of(key) in self.vhosts or found.user_of(key) in self.users


def gone_since(broker: Broker, began: datetime) -> GoneSince:
    gone = ManagedObject.objects.filter(
        broker=broker, kind__in=OWNERS, spec__isnull=True, verified_at__gt=began
    )
    vhosts, users = set[str](), set[str]()
    for kind, key in gone.values_list("kind", "key"):
        (vhosts if KINDS[kind].is_container else users).add(key[0])
    return GoneSince(frozenset(vhosts), frozenset(users))
