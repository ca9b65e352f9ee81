"""Retire the desired state of objects that the broker deleted together with another object.

When a broker deletes a virtual host, it also deletes its permissions, queues and policies. Their
desired state ends with it: it isn't drift, and it must not be written to a virtual host that is
created again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from console.kinds.common.kind import Key, Ref
from console.kinds.registry import KINDS
from console.models import OPEN_STEPS, Broker, ManagedObject, Step, Sync
from console.reconcile.dependents import hanging_on

#: Names of the existing owners on a broker, by kind (`OWNERS`).
There = Mapping[str, Collection[str]]
#: Conditions per query, so that a statement stays small.
_CHUNK = 200


def retire_dependents(broker_id: int, kind: str, gone: Iterable[Key], now: datetime) -> int:
    """Retire what depended on objects that were just seen to be gone; return how many. Call it in
    the transaction that records that. Objects with an open step are left to that step: the broker's
    answer decides.
    """
    conditions = _conditions(Ref(kind, key) for key in gone)
    retired = 0
    for at in range(0, len(conditions), _CHUNK):
        chosen = Q()
        for condition in conditions[at : at + _CHUNK]:
            chosen |= condition
        rows = ManagedObject.objects.filter(chosen, broker=broker_id)
        retired += _retire(rows, f"It was deleted with its {KINDS[kind].noun}.", now)
    return retired


def retire_leftovers(broker: Broker, kind: str, there: Collection[Key], now: datetime) -> int:
    """Retire what depended on virtual hosts or users that were deleted here and aren't in `there`;
    return how many. This covers cases where the deletion itself couldn't retire it."""
    deleted = ManagedObject.objects.filter(broker=broker, kind=kind, spec__isnull=True)
    # A retired row was never deleted here: it may only name the object of an act.
    deleted = deleted.exclude(sync=Sync.RETIRED)
    gone = {tuple(key) for key in deleted.values_list("key", flat=True)} - set(there)
    return retire_dependents(broker.pk, kind, sorted(gone), now)


def hanging(broker: Broker, owner: Ref) -> QuerySet[ManagedObject]:
    """Return the managed objects that depend on `owner` and have a desired state."""
    chosen = Q()
    for condition in _conditions([owner]):
        chosen |= condition
    return ManagedObject.objects.filter(chosen, broker=broker, spec__isnull=False)


def managed_owners(broker: Broker, owners: Iterable[Ref]) -> dict[Ref, ManagedObject]:
    """Return the managed objects of these virtual hosts and users; unmanaged ones are missing."""
    found: dict[Ref, ManagedObject] = {}
    wanted = list(owners)
    for kind in sorted({owner.kind for owner in wanted}):
        keys = [owner.key for owner in wanted if owner.kind == kind]
        for row in ManagedObject.objects.with_keys(keys).filter(broker=broker, kind=kind):
            found[Ref(kind, tuple(row.key))] = row
    return found


def _conditions(gone: Iterable[Ref]) -> list[Q]:
    names: dict[tuple[str, int], set[str]] = {}
    found: list[Q] = []
    for ref in gone:
        for kind, parts in hanging_on(ref):
            if len(parts) == 1:
                ((at, name),) = parts.items()
                names.setdefault((kind, at), set()).add(name)
            else:
                found.append(Q(kind=kind, **{f"key__{at}": name for at, name in parts.items()}))
    for (kind, at), those in names.items():
        found.append(Q(kind=kind, **{f"key__{at}__in": sorted(those)}))
    return found


def _retire(rows: QuerySet[ManagedObject], reason: str, now: datetime) -> int:
    """Retire the rows that have no open step; return how many."""
    with transaction.atomic():
        # A row that is locked is being changed right now: it gets its own step.
        wanted = rows.filter(spec__isnull=False)
        locked = wanted.select_for_update(skip_locked=True, no_key=True)
        ids = list(locked.values_list("pk", flat=True))
        if not ids:
            return 0
        open_steps = Step.objects.filter(target=OuterRef("pk"), state__in=OPEN_STEPS)
        # A separate statement, so that it sees steps that were accepted before the lock was taken.
        return ManagedObject.objects.filter(~Exists(open_steps), pk__in=ids).update(
            spec=None,
            generation=F("generation") + 1,
            verified_generation=F("generation") + 1,
            verified_at=now,
            sync=Sync.RETIRED,
            reason=reason,
            drift=[],
            drifted_since=None,
            updated_at=now,
        )
