"""How the objects of a kind are mirrored: what the columns of its table hold, and how an inventory reads
them. Most kinds need none of it: their columns are the fields of the spec, read by the kind's wire."""

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
    """SQL over the row `t`: which ones are not dropped although a complete listing lacks them, and what
    is set in them instead. Both are our own words, with `parameters`."""

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
    """Another way to list a kind than by its wire: the items, and the key and columns of one."""

    items: Callable[[ManagementClient], Listing[Any]]
    row: Callable[[Any, ClusterView], tuple[Any, ...]]
    #: Fields of the spec of which these items tell nothing: unknown, not none.
    untold: Callable[[Sequence[Any]], Collection[str]] = _all_told


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    #: The columns beside the key; empty for the fields of the spec.
    columns: tuple[str, ...] = ()
    #: The values of `columns` for an object that was read with this spec; None where each is a field.
    of_spec: Callable[[Key, Spec], Sequence[Any]] | None = None
    #: The spec that a row tells; None where each field is a column.
    to_spec: Callable[[Any], dict[str, Any]] | None = None
    #: Columns of which a spec says nothing, with the SQL that a new row gets until an inventory tells.
    given: Mapping[str, str] = field(default_factory=dict)
    reading: Reading | None = None
    #: The column that says when a row last differed.
    touched: str = "changed_at"
    #: The column that marks what is no longer there, where its row is kept for its history; "": it goes.
    leaves: str = ""
    #: Which rows are not gone although a complete listing lacks them.
    doubt: Callable[[ClusterView], Doubt | None] = _no_doubt
    #: Objects stand on single nodes, so that a listing without a node says nothing of what it lacks.
    on_nodes: bool = False
    #: Takes those rows out at once that a change read back as gone, or that went with such.
    drop: Callable[[type[Model], int, Q, datetime], None] = _delete
    #: After an inventory in which objects came or went.
    came_or_went: Callable[[int, datetime], None] = _nothing_more
    #: Whether what a change read back is laid over the mirror before the next inventory.
    read_back: bool = True
    #: Keeps more of what a change read back.
    note: Callable[[int, Mapping[Key, Spec | None], Mapping[Key, Origin]], None] = _not_noted
    #: Whether what is seen is compared with what is asked for: drift, adopting. Not where applications
    #: declare the objects themselves.
    compared: bool = True
