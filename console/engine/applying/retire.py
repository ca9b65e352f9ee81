"""What was asked for of objects that went with another one: it is retired.

A broker deletes the permissions, queues and policies of a virtual host with it. What was asked for of
them is then over as well: it is neither drift nor to be pushed onto a virtual host that is made again.
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

#: Names of the owners of each kind (`OWNERS`) that are on a broker.
There = Mapping[str, Collection[str]]
#: Conditions of one query, so that a statement stays small.
_CHUNK = 200


def retire_dependents(broker_id: int, kind: str, gone: Iterable[Key], now: datetime) -> int:
    """Retires what hung on objects that were just seen to be gone; how many. Within the transaction
    that records that. What has a step under way is left to it: the broker gives its answer."""
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
    """Retires what hung on virtual hosts or users that were deleted here and are not `there`; how many.
    Such is left over where the deletion itself could not retire it."""
    deleted = ManagedObject.objects.filter(broker=broker, kind=kind, spec__isnull=True)
    gone = {tuple(key) for key in deleted.values_list("key", flat=True)} - set(there)
    return retire_dependents(broker.pk, kind, sorted(gone), now)


def hanging(broker: Broker, owner: Ref) -> QuerySet[ManagedObject]:
    """What is asked for of the objects that hang on `owner`."""
    chosen = Q()
    for condition in _conditions([owner]):
        chosen |= condition
    return ManagedObject.objects.filter(chosen, broker=broker, spec__isnull=False)


def managed_owners(broker: Broker, owners: Iterable[Ref]) -> dict[Ref, ManagedObject]:
    """What is asked for of these virtual hosts and users; without those never asked for here."""
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
    """Of those without an open step."""
    with transaction.atomic():
        # One that is being asked for at this moment is locked: it gets a step of its own.
        wanted = rows.filter(spec__isnull=False)
        locked = wanted.select_for_update(skip_locked=True, no_key=True)
        ids = list(locked.values_list("pk", flat=True))
        if not ids:
            return 0
        open_steps = Step.objects.filter(target=OuterRef("pk"), state__in=OPEN_STEPS)
        # A statement of its own: it sees the steps that were accepted before the lock was had.
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
