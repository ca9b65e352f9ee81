"""Read and mirror the parts of an inventory: one part for every kind with a face.

Text that the broker doesn't report is stored as "".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from django.db import connection

from console.engine.applying.broker_objects import BrokerObjects
from console.faces.face import FACES, Face
from console.kinds.common.kind import Key, Spec
from console.kinds.common.secrets import without_userinfo
from console.rabbitmq.cluster import ClusterView
from console.rabbitmq.management.client import ManagementClient
from console.rabbitmq.text import printable
from console.rabbitmq.types import Listing, RejectedRow
from console.reconcile.definitions.text import why_unreadable
from console.reconcile.disclose import public_spec
from vhosts.polling.inventory.mirror import Kind


@dataclass(frozen=True)
class Part:
    """`row` converts a listed item to the columns of `kind`."""

    face: Face
    kind: Kind
    read: Callable[[ManagementClient], Listing[Any]]
    row: Callable[[Any, ClusterView], tuple[Any, ...]]


def parts() -> Sequence[Part]:
    """Return every part of an inventory, in reading order."""
    return tuple(_part_of(face) for face in FACES.values())


def face_of(part: str) -> Face:
    """Return the face of a part by the part's name."""
    return next(face for face in FACES.values() if face.route == part)


def can_tell_absence(face: Face, view: ClusterView) -> bool:
    """Return whether an object's absence in a listing proves anything.

    Each side of a partition has its own objects. If it is unknown which nodes run, any of them may
    host the objects that live on nodes. All other objects are replicated to every node, and any
    node lists all of them.
    """
    return not view.partitioned and (view.known or not face.mirror.on_nodes)


@cache
def table_of(name: str, *, told_by_spec: bool = False) -> Kind:
    """Return the table of the kind `name`. `told_by_spec`: for rows of which only the spec is
    known; the other columns keep their values."""
    face = FACES[name]
    fields = {field.name: field for field in face.model._meta.concrete_fields}
    columns = face.mirror.columns or tuple(field.name for field in face.kind.fields)
    given = dict(face.mirror.given)
    if not told_by_spec:
        columns, given = (*columns, *given), {}
    return Kind(
        name=face.route,
        table=face.model._meta.db_table,
        keys=tuple(connection.ops.quote_name(part) for part in face.kind.identity),
        values={column: str(fields[column].db_type(connection)) for column in columns},
        touched=face.mirror.touched,
        leaves=face.mirror.leaves,
        given=given,
        vhost_at=face.kind.vhost_at,
    )


def row_of(face: Face, key: Key, spec: Spec) -> tuple[Any, ...]:
    """Return the columns of `table_of(…, told_by_spec=True)`, without secrets."""
    if face.mirror.of_spec is not None:
        return (*key, *face.mirror.of_spec(key, spec))
    spec = public_spec(face.name, spec)
    types = table_of(face.name, told_by_spec=True).values
    return (*key, *(_stored(spec.get(name), column) for name, column in types.items()))


def _stored(value: Any, column: str) -> Any:
    if column == "jsonb":
        return json.dumps(value, ensure_ascii=False)
    return "" if value is None and column == "text" else value


def _part_of(face: Face) -> Part:
    table, reading = table_of(face.name), face.mirror.reading
    if reading is not None:
        return Part(face, table, reading.items, reading.row)
    return Part(face, table, partial(read_whole, face), lambda item, view: row_of(face, *item))


def read_whole(face: Face, client: ManagementClient) -> Listing[tuple[Key, Spec]]:
    """Return every object of the kind in its canonical form. Objects that are invalid or can't be
    stored are rejected one by one."""
    listing: Listing[tuple[Key, Spec]] = Listing([])
    found: dict[Key, Spec] = {}
    listed = None if face.mirror.rows is None else face.mirror.rows(client)
    for row, told in BrokerObjects(client.http).read_each(face.name, listed):
        if told is None or not all(isinstance(part, str) for part in told[0]):
            said = {
                name: row[name] for name in face.kind.identity if isinstance(row.get(name), str)
            }
            why = "A row of the broker's answer lacks its name."
            listing.rejected.append(
                RejectedRow(why, printable(str(without_userinfo(row)), 200), said)
            )
            continue
        key, spec = told
        try:
            whole = face.kind.canonical(spec)
            why = why_unreadable(whole)
        except ValueError as error:
            whole, why = {}, str(error)
        if why:
            said = dict(zip(face.kind.identity, key, strict=True))
            listing.rejected.append(
                RejectedRow(printable(why, 200), printable(" / ".join(key), 200), said)
            )
        else:
            found[key] = whole
    listing.items.extend(found.items())
    return listing
