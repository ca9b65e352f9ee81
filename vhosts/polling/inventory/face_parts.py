"""Parts of an inventory for every kind that has a face: read by the kind's wire, mirrored in the face's
model. A column is a field of the spec; text that the broker does not tell is empty."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from django.db import connection

from console.engine.broker_objects import BrokerObjects
from console.faces.face import FACES, Face
from console.kinds.common.kind import Key, Spec
from console.rabbitmq.management.client import ManagementClient
from console.rabbitmq.types import Listing, RejectedRow
from vhosts.polling.inventory.mirror import Kind

_SEEN = "changed_at"


@cache
def mirror_of(name: str) -> Kind:
    """The table of a kind, by its name."""
    face = FACES[name]
    columns = {field.name: field for field in face.model._meta.concrete_fields}
    values = {
        field.name: str(columns[field.name].db_type(connection)) for field in face.kind.fields
    }
    keys = tuple(connection.ops.quote_name(name) for name in face.kind.identity)
    return Kind(face.route, face.model._meta.db_table, keys, values, _SEEN)


def read(face: Face, client: ManagementClient) -> Listing[tuple[Key, Spec]]:
    """Every object of the kind, in its canonical form; what can't be one is rejected by itself."""
    listing: Listing[tuple[Key, Spec]] = Listing([])
    for key, spec in BrokerObjects(client.http).read_all(face.name).items():
        try:
            listing.items.append((key, face.kind.canonical(spec)))
        except ValueError as error:
            listing.rejected.append(RejectedRow(str(error)[:200], " / ".join(key)[:200]))
    return listing


def row_of(face: Face, key: Key, spec: Spec) -> tuple[Any, ...]:
    """The columns of `mirror_of`."""
    types = mirror_of(face.name).values
    return (*key, *(_stored(spec.get(name), kind) for name, kind in types.items()))


def _stored(value: Any, kind: str) -> Any:
    return "" if value is None and kind == "text" else value


def faces() -> Iterable[Face]:
    return FACES.values()
