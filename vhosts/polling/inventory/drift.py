"""Detect drift after each part of an inventory."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from console.engine.applying.retire import There, retire_leftovers
from console.engine.drift import note_drift
from console.faces.face import FACES, Face
from console.faces.seen import seen_objects, seen_of
from console.kinds.registry import OWNERS
from console.models import Broker, ManagedObject


def note_part(
    face: Face,
    items: Sequence[Any],
    broker: Broker,
    *,
    complete: bool,
    now: datetime,
    unread: Collection[tuple[str, ...]] = (),
) -> int:
    """Store the drift of a kind. Return how many managed objects differ; 0 if the kind isn't
    compared.

    `items` is what the broker listed, already stored in the mirror. `unread` are the keys that
    were listed and couldn't be read.
    """
    kind = face.name
    if not face.mirror.compared:
        return 0
    managed = ManagedObject.objects.filter(broker=broker, kind=kind).values_list("key", flat=True)
    keys = [tuple(key) for key in managed]
    if not keys:
        return 0
    # Only the managed ones: applications may have declared tens of thousands more.
    seen = seen_of(broker, kind) if kind in OWNERS else seen_objects(broker, kind, keys)
    untold = face.mirror.reading.untold(items) if face.mirror.reading else ()
    if untold:
        # These fields couldn't be read: they are unknown, not empty.
        seen = {
            key: {name: value for name, value in spec.items() if name not in untold}
            for key, spec in seen.items()
        }
    if kind in OWNERS:
        retire_leftovers(broker, kind, seen, now)
    there = {} if kind in OWNERS else _there(broker)
    return note_drift(broker, kind, seen, complete=complete, now=now, there=there, unread=unread)


def _there(broker: Broker) -> There:
    """Return the virtual hosts and users: if one is deleted, its objects are deleted too."""
    return {kind: {key[0] for key in _keys(FACES[kind], broker)} for kind in OWNERS}


def _keys(face: Face, broker: Broker) -> Any:
    return face.model._default_manager.filter(broker=broker).values_list(*face.kind.identity)
