"""Objects that a folder of definitions owns are changed there. By hand, they are changed only with
*break glass*: a reason, and an entry in the audit log.

This guards against mistakes, not against people: whoever may edit the object may break the glass.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib.auth.models import User

from console.audit import record
from console.engine.proposal import DesiredObject, Proposal, Source
from console.errors import InvalidField, OwnedByFile
from console.kinds.common.kind import Key
from console.kinds.registry import CONTAINER, KINDS
from console.models import Change, ManagedObject
from console.reconcile.disclose import beside_secrets, public_spec

_Identity = tuple[int, str, Key]
#: Most objects that a sentence is given for.
_MOST_NAMED = 5
_NO_REASON = "Give a reason for changing by hand what a folder of definitions owns."


def refuse_hand_edits(
    proposal: Proposal, targets: Sequence[ManagedObject]
) -> list[tuple[ManagedObject, Source]]:
    """Return the owned objects that the proposal changes by hand, with their owners. `targets` are
    the current rows of its objects. Raises OwnedByFile, and InvalidField without a reason."""
    owned = _changed_by_hand(proposal, targets)
    if not owned:
        return []
    if not proposal.breaks_glass:
        row, source = owned[0]
        more = f" ({len(owned)} such objects in total.)" if len(owned) > 1 else ""
        raise OwnedByFile(
            f"The {row} is managed by Git: {source}. Change it there, or break the glass and give "
            f"a reason.{more}",
            {"source": source.name, "revision": source.revision},
        )
    if not proposal.reason.strip():
        raise InvalidField("reason", _NO_REASON)
    return owned


def why_glass_holds(proposal: Proposal) -> str:
    """Return why the confirmation of a preview isn't enough; "" if it is."""
    if not _changed_by_hand(proposal, _rows_of(proposal)):
        return ""
    if not proposal.breaks_glass:
        return "It’s managed by Git. Change it there, or break the glass and give a reason."
    return "" if proposal.reason.strip() else _NO_REASON


def owned_notes(proposal: Proposal) -> list[str]:
    """Return sentences for a preview about objects that a folder owns."""
    owned = _changed_by_hand(proposal, _rows_of(proposal))
    notes = [f"The {row} is managed by Git: {source}." for row, source in owned[:_MOST_NAMED]]
    if len(owned) > _MOST_NAMED:
        notes.append(f"{len(owned) - _MOST_NAMED} more objects are managed by Git.")
    return notes


def record_broken_glass(
    broken: Sequence[tuple[ManagedObject, Source]], change: Change, *, acting_user: User
) -> None:
    """Record each owned object that the change touches by hand."""
    for row, source in broken:
        record(
            "glass:break",
            target_kind=row.kind,
            target=" / ".join(row.key),
            broker=row.broker,
            acting_user=acting_user,
            after={"source": source.name, "revision": source.revision, "change": str(change.pk)},
            reason=change.reason,
        )


def _changed_by_hand(
    proposal: Proposal, rows: Sequence[ManagedObject]
) -> list[tuple[ManagedObject, Source]]:
    """Return the owned objects, with their owners, among those that the proposal changes and those
    in virtual hosts that it deletes."""
    by_hand = [one for one in proposal.desired_objects if one.source is None]
    wanted = {_identity(one): one for one in by_hand}
    found = [
        row
        for row in rows
        if row.source
        and (desired := wanted.get((row.broker_id, row.kind, tuple(row.key)))) is not None
        and not _is_as_owned(row, desired)
    ]
    named = {row.pk for row in found}
    for desired in by_hand:
        if desired.spec is None and KINDS[desired.ref.kind].is_container:
            found += [row for row in _owned_inside(desired) if row.pk not in named]
    return [(row, Source(row.source, row.source_revision)) for row in found]


def _owned_inside(desired: DesiredObject) -> list[ManagedObject]:
    """Return the owned objects in a virtual host that is deleted."""
    (name,) = desired.ref.key
    owned = ManagedObject.objects.filter(broker=desired.broker, spec__isnull=False)
    rows = owned.exclude(source="").exclude(kind=CONTAINER.name).select_related("broker")
    return [row for row in rows if KINDS[row.kind].vhost_of(tuple(row.key)) == name]


def _is_as_owned(row: ManagedObject, desired: DesiredObject) -> bool:
    """Whether the request is what the folder wants, such as correcting drift."""
    if desired.secrets or (desired.spec is None) != (row.spec is None):
        return False
    if desired.spec is None:
        return True
    kind = KINDS[row.kind]
    public = public_spec(kind.name, kind.canonical(desired.spec))
    return row.spec == {k: v for k, v in public.items() if k not in beside_secrets(kind.name)}


def _rows_of(proposal: Proposal) -> list[ManagedObject]:
    rows: list[ManagedObject] = []
    by_hand = [one for one in proposal.desired_objects if one.source is None]
    for broker, kind in sorted({(one.broker.pk, one.ref.kind) for one in by_hand}):
        keys = [one.ref.key for one in by_hand if (one.broker.pk, one.ref.kind) == (broker, kind)]
        found = ManagedObject.objects.with_keys(keys).filter(broker=broker, kind=kind)
        rows += found.exclude(source="").select_related("broker")
    return rows


def _identity(desired: DesiredObject) -> _Identity:
    return (desired.broker.pk, desired.ref.kind, desired.ref.key)
