"""What was last seen of objects of any kind, from the inventories and what changes read back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from console.faces.face import FACES, Face, compared_faces
from console.kinds.common.kind import Key, Spec
from console.models import Broker


def seen_kinds() -> tuple[str, ...]:
    """Kinds that are compared with what was asked for; of others nothing is known without asking the
    broker."""
    return tuple(face.name for face in compared_faces())


def model_of(kind: str) -> Any:
    """The mirror of a kind among `seen_kinds`."""
    return FACES[kind].model


def seen_by_face(face: Face, broker: Broker, keys: Sequence[Key] | None = None) -> dict[Key, Spec]:
    """By key; all of the broker's where `keys` is None."""
    rows = face.model._default_manager.filter(broker=broker)
    if keys is not None:
        columns = face.kind.identity
        rows = rows.filter(
            **{f"{name}__in": {key[at] for key in keys} for at, name in enumerate(columns)}
        )
    return {face.key_of(row): face.spec_of(row) for row in rows.iterator()}


def seen_objects(broker: Broker, kind: str, keys: Sequence[Key]) -> dict[Key, Spec]:
    """Those of `keys` that are there, as last seen; a constant number of queries. Empty for a kind that
    is not among `seen_kinds`."""
    if kind not in seen_kinds():
        return {}
    wanted = set(keys)
    found = seen_by_face(FACES[kind], broker, keys)
    return {key: spec for key, spec in found.items() if key in wanted}
