"""Drift: what differs between what was asked of a broker and what is seen there.

Noted after each inventory, never mended unasked. *Push mine*, *accept theirs* and *adopt* are wishes
like any other, made by the services.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction
from django.db.models import F

from console.models import Broker, ManagedObject, Sync
from console.reconcile.disclose import public_change, whole_spec
from console.reconcile.drift import Drift, DriftState, find_drift
from console.reconcile.kinds import Key, Ref, Spec

#: Reasons shown with the object, by what was found.
_REASONS = {
    DriftState.DRIFTED: "Changed outside the console.",
    DriftState.MISSING: "Deleted outside the console.",
    DriftState.RETURNED: "Made again outside the console.",
}


def note_drift(
    broker: Broker, kind: str, seen: Mapping[Key, Spec], *, complete: bool, now: datetime
) -> int:
    """Compares what is settled here with what was seen at `now`; how many objects differ.

    Objects with a wish on its way are left alone: their worker looks for itself. Secrets are not
    compared: they are not kept.
    """
    with transaction.atomic():
        settled = {
            Ref(kind, tuple(row.key)): row
            for row in ManagedObject.objects.select_for_update()
            .filter(broker=broker, kind=kind, sync__in=[Sync.IN_SYNC, Sync.DRIFTED])
            .filter(verified_generation=F("generation"), verified_at__lt=now)
        }
        observed = {Ref(kind, key): spec for key, spec in seen.items() if Ref(kind, key) in settled}
        wanted = {
            ref: _comparable(kind, row.spec, observed.get(ref)) for ref, row in settled.items()
        }
        verdicts = list(find_drift(wanted, observed, complete=complete))
        moved = [
            row
            for verdict in verdicts
            if (row := _noted(settled[verdict.ref], verdict, now)) is not None
        ]
        equal = [settled[v.ref].pk for v in verdicts if v.state is DriftState.IN_SYNC]
        ManagedObject.objects.filter(pk__in=equal).update(verified_at=now)
        ManagedObject.objects.bulk_update(
            moved, ["sync", "reason", "drift", "drifted_since", "updated_at"], batch_size=500
        )
    return sum(1 for row in settled.values() if row.sync == Sync.DRIFTED)


def drift_state(row: ManagedObject) -> DriftState:
    """What is the matter with an object whose `sync` is drifted."""
    if row.spec is None:
        return DriftState.RETURNED
    is_gone = row.reason == _REASONS[DriftState.MISSING]
    return DriftState.MISSING if is_gone else DriftState.DRIFTED


def _comparable(kind: str, spec: Spec | None, observed: Spec | None) -> Spec | None:
    if spec is None or observed is None:
        return spec
    return whole_spec(kind, spec, None, observed)


def _noted(row: ManagedObject, verdict: Drift, now: datetime) -> ManagedObject | None:
    """The row as it is to be stored, None where it says so already."""
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
    # Seen from the wish: "before" is what was asked for, "after" what it became outside.
    if row.sync == Sync.DRIFTED and row.drift == fields:
        return None
    row.sync, row.reason, row.drift = Sync.DRIFTED, _REASONS[verdict.state], fields
    row.drifted_since = row.drifted_since or now
    row.updated_at = now
    return row
