"""Which objects are there as far as was seen."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from console.faces.face import FACES
from console.kinds.common.kind import Key
from console.models import Broker

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser


def ids_of(
    broker: Broker,
    kind: str,
    keys: Iterable[Key],
    *,
    viewer: AbstractBaseUser | AnonymousUser | None = None,
) -> dict[Key, int]:
    """The ids of those of `keys` that are there, by which pages and the API address them; with a
    `viewer`, of those that they may see. One query; empty for a kind that is not compared with what was
    asked for."""
    wanted, face = set(keys), FACES.get(kind)
    if face is None or not face.mirror.compared or not wanted:
        return {}
    rows: Any = face.model._default_manager
    visible = rows.all() if viewer is None else rows.visible_to(viewer)
    columns = face.kind.identity
    named = {f"{name}__in": {key[at] for key in wanted} for at, name in enumerate(columns)}
    found = visible.filter(broker=broker, **named).values_list("pk", *columns)
    return {tuple(key): pk for pk, *key in found if tuple(key) in wanted}
