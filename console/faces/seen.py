"""The last observed state of objects of any kind, from inventories and read-backs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from console.faces.face import FACES
from console.kinds.common.kind import Key, Spec
from console.models import Broker

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser


def seen_kinds() -> tuple[str, ...]:
    """Return the kinds whose observed state is compared with the desired state. Objects of other
    kinds are known only by reading the broker."""
    return tuple(face.name for face in FACES.values() if face.mirror.compared)


def adoptable_kinds() -> tuple[str, ...]:
    """Return the kinds whose unmanaged objects are listed, to be adopted: those of `seen_kinds` that
    applications don't declare themselves."""
    return tuple(name for name in seen_kinds() if not FACES[name].mirror.declared_by_clients)


def model_of(kind: str) -> Any:
    """Return the mirror model of a kind in `seen_kinds`."""
    return FACES[kind].model


def seen_of(broker: Broker, kind: str, **among: Iterable[str]) -> dict[Key, Spec]:
    """Return a kind's observed objects by key; with `among` (`user=["app"]`), only those whose
    parts of the key are among the given names. One query."""
    face = FACES[kind]
    named = {f"{part}__in": set(names) for part, names in among.items()}
    rows = face.present().filter(broker=broker, **named)
    return {face.key_of(row): face.spec_of(row) for row in rows.iterator()}


def seen_objects(broker: Broker, kind: str, keys: Sequence[Key]) -> dict[Key, Spec]:
    """Return the observed objects among `keys`; one query. Empty for kinds not in `seen_kinds`."""
    if kind not in seen_kinds():
        return {}
    wanted = set(keys)
    found = seen_of(broker, kind, **_parts(kind, wanted))
    return {key: spec for key, spec in found.items() if key in wanted}


def ids_of(
    broker: Broker,
    kind: str,
    keys: Iterable[Key],
    *,
    viewer: AbstractBaseUser | AnonymousUser | None = None,
) -> dict[Key, int]:
    """Return the IDs of the observed objects among `keys`, as used in addresses of pages and API.

    With a `viewer`, only of objects that they can see. One query; empty for a kind that isn't in
    `seen_kinds`.
    """
    wanted = set(keys)
    if kind not in seen_kinds() or not wanted:
        return {}
    rows = model_of(kind).objects
    visible = rows.all() if viewer is None else rows.visible_to(viewer)
    named = {f"{part}__in": names for part, names in _parts(kind, wanted).items()}
    columns = FACES[kind].kind.identity
    found = visible.filter(broker=broker, **named).values_list("pk", *columns)
    return {tuple(key): pk for pk, *key in found if tuple(key) in wanted}


def _parts(kind: str, keys: Collection[Key]) -> dict[str, set[str]]:
    """Return the names in each part of the keys."""
    columns = FACES[kind].kind.identity
    return {part: {key[at] for key in keys} for at, part in enumerate(columns)}
