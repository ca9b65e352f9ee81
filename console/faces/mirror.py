"""How a kind's objects are mirrored: the columns of its table, and how an inventory reads them.

Most kinds need none of this: their columns are the fields of the spec, read by the kind's wire.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Model, Q

from console.engine.ports import Origin
from console.kinds.common.kind import Key, Spec
from console.rabbitmq.cluster import ClusterView
from console.rabbitmq.management.client import ManagementClient
from console.rabbitmq.types import Listing


@dataclass(frozen=True)
class Doubt:
    """SQL over the row `t`: which rows to keep although a complete listing lacks them (`where`),
    and what to set in them instead (`marked`). Both are written in our code, with `parameters`."""

    where: str
    marked: str
    parameters: dict[str, Any]


def _delete(model: type[Model], broker_id: int, which: Q, now: datetime) -> None:
    model._default_manager.filter(which, broker=broker_id).delete()


def _all_told(items: Sequence[Any]) -> Collection[str]:
    return ()


def _no_doubt(view: ClusterView) -> Doubt | None:
    return None


def _nothing_more(broker_id: int, now: datetime) -> None:
    return None


def _not_noted(
    broker_id: int, seen: Mapping[Key, Spec | None], origins: Mapping[Key, Origin]
) -> None:
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How to list a kind without its wire: the items, and the key and columns of one item."""

    items: Callable[[ManagementClient], Listing[Any]]
    row: Callable[[Any, ClusterView], tuple[Any, ...]]
    #: Fields of the spec that these items don't report: unknown, not empty.
    untold: Callable[[Sequence[Any]], Collection[str]] = _all_told


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    #: The columns besides the key; empty: the fields of the spec.
    columns: tuple[str, ...] = ()
    #: The columns with the names by which the search finds an object; empty: the key without the
    #: virtual host.
    searched: tuple[str, ...] = ()
    #: Returns the values of `columns` for an object read with this spec; None if each column is a
    #: field.
    of_spec: Callable[[Key, Spec], Sequence[Any]] | None = None
    #: Returns a row's spec; None if each field is a column.
    to_spec: Callable[[Any], dict[str, Any]] | None = None
    #: Columns that a spec doesn't contain, with the SQL for their value in a new row until an
    #: inventory reads them.
    given: Mapping[str, str] = field(default_factory=dict)
    reading: Reading | None = None
    #: Reads the rows of the wire's only listing at a lower cost; None from it: by the listing.
    rows: Callable[[ManagementClient], Sequence[dict[str, Any]] | None] | None = None
    #: The column with the time when a row last changed.
    touched: str = "changed_at"
    #: The column that marks a missing object whose row is kept for its history; "": the row is
    #: deleted.
    leaves: str = ""
    #: Returns which rows to keep although a complete listing lacks them.
    doubt: Callable[[ClusterView], Doubt | None] = _no_doubt
    #: Whether objects are on single nodes, so that a listing without a node proves nothing about
    #: missing ones.
    on_nodes: bool = False
    #: Deletes rows at once that a change read back as gone, or that were deleted together with such
    #: a row.
    drop: Callable[[type[Model], int, Q, datetime], None] = _delete
    #: Called after an inventory in which objects were added or removed.
    came_or_went: Callable[[int, datetime], None] = _nothing_more
    #: Whether a change's read-back updates the mirror before the next inventory.
    read_back: bool = True
    #: Stores more from what a change read back.
    note: Callable[[int, Mapping[Key, Spec | None], Mapping[Key, Origin]], None] = _not_noted
    #: Whether the observed state is compared with the desired state, for drift and adoption.
    compared: bool = True
    #: Whether applications declare such objects themselves. Then it is normal that an object isn't
    #: managed here: the lists of unmanaged objects leave the kind out.
    declared_by_clients: bool = False
