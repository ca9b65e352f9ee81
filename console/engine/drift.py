"""Drift: differences between the desired state and the observed state of a broker.

Recorded after each inventory and never corrected automatically. Restoring the desired state,
accepting the broker's state and adopting are ordinary proposals, made by the services.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import F

from console.engine.applying.retire import There, managed_owners
from console.kinds.common.kind import Key, Ref, Spec
from console.kinds.registry import KINDS
from console.models import Broker, ManagedObject, Sync
from console.reconcile.dependents import owners_of
from console.reconcile.disclose import public_change, whole_spec
from console.reconcile.drift import Drift, DriftState, find_drift

#: Reasons shown with the object, by kind of drift.
_REASONS = {
    DriftState.DRIFTED: "Changed outside the console.",
    DriftState.MISSING: "Deleted outside the console.",
    DriftState.RETURNED: "Created again outside the console.",
}
_COMPARED = (Sync.IN_SYNC, Sync.DRIFTED, Sync.OWNER_MISSING)
#: If the owner is in one of these states, its absence isn't reported as drift of its own.
_NO_FINDING = (Sync.REJECTED, Sync.NEEDS_CONFIRMATION)


def note_drift(
    broker: Broker,
    kind: str,
    seen: Mapping[Key, Spec],
    *,
    complete: bool,
    now: datetime,
    there: There | None = None,
    unread: Collection[Key] = (),
) -> int:
    """Compare managed objects with what was observed at `now`; return how many have drifted.

    Objects with an open step are skipped: their worker reads them itself. Secrets aren't compared,
    because they aren't stored. An object that is missing together with its virtual host or user
    (not in `there`) belongs to the owner's drift and isn't counted. Objects in `unread` are unknown
    and are skipped.
    """
    with transaction.atomic():
        settled = {
            Ref(kind, tuple(row.key)): row
            for row in ManagedObject.objects.select_for_update()
            .filter(broker=broker, kind=kind, sync__in=_COMPARED)
            .filter(verified_generation=F("generation"), verified_at__lt=now)
            if tuple(row.key) not in unread
        }
        observed = {Ref(kind, key): spec for key, spec in seen.items() if Ref(kind, key) in settled}
        wanted = {
            ref: _comparable(kind, row.spec, observed.get(ref)) for ref, row in settled.items()
        }
        verdicts = list(find_drift(wanted, observed, complete=complete))
        missing = [v.ref for v in verdicts if v.state is DriftState.MISSING]
        gone_with = _gone_with(broker, missing, there or {})
        moved = [
            row
            for verdict in verdicts
            if (row := _noted(settled[verdict.ref], verdict, gone_with.get(verdict.ref), now))
            is not None
        ]
        equal = [settled[v.ref].pk for v in verdicts if v.state is DriftState.IN_SYNC]
        ManagedObject.objects.filter(pk__in=equal).update(verified_at=now)
        ManagedObject.objects.bulk_update(
            moved, ["sync", "reason", "drift", "drifted_since", "updated_at"], batch_size=500
        )
    return sum(1 for row in settled.values() if row.sync == Sync.DRIFTED)


def drift_state(row: ManagedObject) -> DriftState:
    """Return the kind of drift of an object whose `sync` is drifted."""
    if row.spec is None:
        return DriftState.RETURNED
    is_gone = row.reason == _REASONS[DriftState.MISSING]
    return DriftState.MISSING if is_gone else DriftState.DRIFTED


def _comparable(kind: str, spec: Spec | None, observed: Spec | None) -> Spec | None:
    if spec is None or observed is None:
        return spec
    return whole_spec(kind, spec, None, observed)


def _gone_with(broker: Broker, missing: Sequence[Ref], there: There) -> dict[Ref, Ref]:
    """Return, for missing objects, the owner that they were deleted with, if the owner's absence is
    reported itself."""
    absent = {
        ref: [
            owner
            for owner in owners_of(ref)
            if owner.kind in there and owner.key[0] not in there[owner.kind]
        ]
        for ref in missing
    }
    managed = managed_owners(broker, {owner for owners in absent.values() for owner in owners})
    told = {
        owner
        for owner, row in managed.items()
        if row.spec is not None and row.sync not in _NO_FINDING
    }
    return {
        ref: next(owner for owner in owners if owner in told)
        for ref, owners in absent.items()
        if told & set(owners)
    }


def _noted(
    row: ManagedObject, verdict: Drift, owner: Ref | None, now: datetime
) -> ManagedObject | None:
    """Return the row with its new state, or None if nothing changes. `owner`: what it was deleted
    with."""
    if owner is not None:
        reason = f"Deleted with its {KINDS[owner.kind].noun}."
        if row.sync == Sync.OWNER_MISSING and row.reason == reason:
            return None
        row.sync, row.reason, row.drift, row.drifted_since = Sync.OWNER_MISSING, reason, [], None
        row.updated_at = now
        return row
    if verdict.state is DriftState.IN_SYNC:
        if row.sync == Sync.IN_SYNC:
            return None
        row.sync, row.reason, row.drift, row.drifted_since = Sync.IN_SYNC, "", [], None
        row.updated_at = now
        return row
    difference = verdict.difference
    fields = [
        {"name": f.name, "before": f.after, "after": f.before, "secret": f.secret}
        for f in (
            public_change(row.kind, change) for change in (difference.fields if difference else ())
        )
    ]
    # From the desired state's view: "before" is what was requested, "after" is the change made
    # outside.
    if row.sync == Sync.DRIFTED and row.drift == fields:
        return None
    row.sync, row.reason, row.drift = Sync.DRIFTED, _REASONS[verdict.state], fields
    row.drifted_since = row.drifted_since or now
    row.updated_at = now
    return row
