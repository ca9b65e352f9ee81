"""The sync status of the objects on a page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from console.kinds.common.kind import Key
from console.models import ManagedObject, Sync


@dataclass(frozen=True, slots=True)
class SyncState:
    """An object's sync status. `state` is a word of the pages' vocabulary; *waiting* is pending on
    a broker that can't be reached.

    `reason` may contain the broker's words. `checked_at`: when the broker was last seen to match
    the desired state; None: never.
    """

    state: str
    reason: str = ""
    checked_at: datetime | None = None
    generation: int = 0
    #: The folder that owns the object, and its commit; "" for none.
    source: str = ""
    revision: str = ""


#: Never requested in the console: left alone.
UNMANAGED = SyncState("unmanaged")


def sync_states(kind: str, objects: Iterable[tuple[int, Key]]) -> dict[tuple[int, Key], SyncState]:
    """Return sync states by (broker ID, key), in one query. A missing object is unmanaged."""
    wanted = set(objects)
    rows = ManagedObject.objects.with_keys({key for _, key in wanted}).filter(
        kind=kind, broker__in={broker for broker, _ in wanted}
    )
    # An object that exists again after it was retired is a new, unmanaged one.
    rows = rows.exclude(sync=Sync.RETIRED)
    return {
        place: sync_state(row)
        for row in rows
        if (place := (row.broker_id, tuple(row.key))) in wanted
    }


def sync_state(row: ManagedObject) -> SyncState:
    state, reason = str(row.sync), row.reason
    if row.sync == Sync.PENDING and reason:
        state = "waiting"
    elif row.sync == Sync.IN_SYNC and row.verified_generation != row.generation:
        state = "verifying"
    if row.spec is None:
        reason = reason or (
            "Deleted. The list is refreshed soon." if state == Sync.IN_SYNC else "Being deleted."
        )
    return SyncState(
        state, reason, row.verified_at, row.generation, row.source, row.source_revision
    )


class _Named(Protocol):
    pk: Any
    broker_id: int
    name: str


def syncs_of(kind: str, rows: Iterable[_Named]) -> dict[Any, SyncState]:
    """Return sync states by primary key, for rows that are identified by name; one query."""
    found = list(rows)
    states = sync_states(kind, [(row.broker_id, (row.name,)) for row in found])
    return {row.pk: states.get((row.broker_id, (row.name,)), UNMANAGED) for row in found}
