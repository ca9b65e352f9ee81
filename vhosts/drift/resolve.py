"""Resolve drift with desired objects: restore the desired state, accept the broker's state, or
adopt unmanaged objects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from accessctl.authorize import AnyUser, require
from accessctl.rights import Permission
from console.engine.applying.retire import hanging
from console.engine.proposal import DesiredObject
from console.errors import InvalidField, NotAllowed, NotThere
from console.faces.face import FACES, Intent
from console.faces.pages.words import counted
from console.faces.seen import seen_kinds, seen_objects
from console.kinds.common.kind import Key, Ref, Spec, SpecError
from console.kinds.registry import KINDS, OWNERS, phrase, vhost_of
from console.models import Broker, ManagedObject, Sync
from console.reconcile.dependents import owners_of
from console.reconcile.diff import compare
from console.reconcile.disclose import beside_secrets

PUSH, ACCEPT = "push", "accept"
ACTS = {PUSH: "Restore desired state", ACCEPT: "Accept the broker's state"}
MOST_AT_ONCE = 1000


def resolve_drift(
    rows: Sequence[ManagedObject], act: str, *, acting_user: AnyUser
) -> list[DesiredObject]:
    """Return desired objects that restore the desired state (`push`), or that make the broker's
    state the desired state (`accept`). Raises NotAllowed, InvalidField."""
    if act not in ACTS:
        raise InvalidField("act", f"act must be one of {', '.join(ACTS)}.")
    if not rows:
        raise InvalidField("ids", "Select at least one object.")
    if len(rows) > MOST_AT_ONCE:
        raise InvalidField("ids", f"The limit is {MOST_AT_ONCE} objects.")
    desired_objects: list[DesiredObject] = []
    there = _owners_there(rows) if act == PUSH else set()
    for row, observed in _with_seen(rows):
        if row.sync not in RESOLVABLE[act]:
            raise InvalidField(
                "ids", f"The {phrase(_ref(row))} no longer differs. Reload the list."
            )
        if act == PUSH and row.spec is not None:
            _owner_must_be_there(row, there)
        spec = row.spec if act == PUSH else observed
        if act == PUSH and spec is not None and observed is None and beside_secrets(row.kind):
            secret = KINDS[row.kind].field(beside_secrets(row.kind)[0]).title
            raise InvalidField(
                "ids",
                f"The {phrase(_ref(row))} is gone and its {secret} is not kept here. "
                "Create it anew, or accept that it is gone.",
            )
        desired_objects.append(
            _wish(row.broker, _ref(row), spec, observed, acting_user, row.generation)
        )
    return desired_objects


#: A desired object that was refused, or whose owner was deleted, can be dropped too.
RESOLVABLE = {
    PUSH: (Sync.DRIFTED,),
    ACCEPT: (Sync.DRIFTED, Sync.OWNER_MISSING, Sync.REJECTED, Sync.NEEDS_CONFIRMATION),
}


def _owners_there(rows: Sequence[ManagedObject]) -> set[tuple[int, Ref]]:
    """Return (broker ID, owner) of the virtual hosts and users that exist, as last seen, or that
    this very operation creates."""
    found = {(row.broker_id, _ref(row)) for row in rows if row.spec is not None}
    brokers = {row.broker_id: row.broker for row in rows}
    for pk, broker in brokers.items():
        owners = {owner for row in rows if row.broker_id == pk for owner in owners_of(_ref(row))}
        for kind in OWNERS:
            keys = [owner.key for owner in owners if owner.kind == kind]
            found |= {(pk, Ref(kind, key)) for key in seen_objects(broker, kind, keys)}
    return found


def _owner_must_be_there(row: ManagedObject, there: set[tuple[int, Ref]]) -> None:
    """Raises InvalidField if an owner of the object doesn't exist."""
    for owner in owners_of(_ref(row)):
        if (row.broker_id, owner) not in there:
            word = KINDS[owner.kind].noun
            raise InvalidField(
                "ids",
                f"{row.broker.name} has no {word} {owner.key[0]}, so the "
                f"{phrase(_ref(row))} can't be restored. Create the {word} first, or "
                "accept the broker's state.",
            )


def _ref(row: ManagedObject) -> Ref:
    return Ref(row.kind, tuple(row.key))


def objections(desired: DesiredObject) -> list[str]:
    """Return warnings as sentences: what is lost with a deleted object, and what depended on a
    virtual host or user that is restored or accepted as deleted."""
    if desired.spec is None and desired.observed is not None:
        return list(
            FACES[desired.ref.kind].rules.dies(desired.broker, desired.ref.key, desired.observed)
        )
    if desired.ref.kind not in OWNERS or desired.observed is not None:
        return []
    number = hanging(desired.broker, desired.ref).count()
    if not number:
        return []
    asked = f"{counted(number, 'managed object')} depended on it"
    if desired.spec is None:
        return [f"{asked}. If you accept the deletion, the console stops managing them too."]
    return [
        f"{asked}. They aren't restored with it. Those still missing afterwards are "
        "reported as drift."
    ]


def adopt(
    broker: Broker, kind: str, keys: Iterable[Key], *, acting_user: AnyUser
) -> list[DesiredObject]:
    """Return desired objects that adopt unmanaged objects as they are. Raises NotAllowed,
    InvalidField, NotThere."""
    wanted = list(dict.fromkeys(keys))
    if kind not in seen_kinds():
        raise InvalidField("kind", f"kind must be one of {', '.join(seen_kinds())}.")
    if not wanted or any(len(key) != len(KINDS[kind].identity) for key in wanted):
        raise InvalidField("key", f"Identify each object by {', '.join(KINDS[kind].identity)}.")
    if len(wanted) > MOST_AT_ONCE:
        raise InvalidField("key", f"At most {MOST_AT_ONCE} objects go at once.")
    for vhost in {KINDS[kind].vhost_of(key) for key in wanted}:
        # Checked before any lookup: the result would reveal what is in other people's virtual
        # hosts.
        require(acting_user, Permission.DRIFT_RESOLVE, broker, vhost)
    seen = seen_objects(broker, kind, wanted)
    managed = {
        tuple(row.key): row
        for row in ManagedObject.objects.with_keys(wanted).filter(broker=broker, kind=kind)
    }
    desired_objects: list[DesiredObject] = []
    for key in wanted:
        row = managed.get(key)
        if row is not None and row.spec is not None:
            raise InvalidField("key", f"The {phrase(Ref(kind, key))} is already managed.")
        if key not in seen:
            raise NotThere(f"{Ref(kind, key)} is not there.")
        desired_objects.append(
            _wish(
                broker, Ref(kind, key), seen[key], seen[key], acting_user,
                row.generation if row else 0,
            )
        )  # fmt: skip
    return desired_objects


def _with_seen(rows: Sequence[ManagedObject]) -> Iterable[tuple[ManagedObject, Spec | None]]:
    groups: dict[tuple[int, str], list[ManagedObject]] = {}
    for row in rows:
        groups.setdefault((row.broker_id, row.kind), []).append(row)
    for (_, kind), group in groups.items():
        if kind not in seen_kinds():
            raise InvalidField(
                "ids", f"The broker's state of {group[0]} is unknown. Try again later."
            )
        seen = seen_objects(group[0].broker, kind, [tuple(row.key) for row in group])
        for row in group:
            yield row, seen.get(tuple(row.key))


def _wish(
    broker: Broker,
    ref: Ref,
    spec: Spec | None,
    observed: Spec | None,
    acting_user: AnyUser,
    generation: int,
) -> DesiredObject:
    deletes = spec is None and observed is not None
    return DesiredObject(
        broker=broker,
        ref=ref,
        spec=spec,
        observed=observed,
        permission=_right(acting_user, broker, ref, spec, observed),
        expected_generation=generation,
        guard=FACES[ref.kind].rules.guard(broker, ref.key) if deletes else {},
    )


def _right(
    user: AnyUser, broker: Broker, ref: Ref, spec: Spec | None, observed: Spec | None
) -> Permission:
    """Return the right for the object. Requires drift:resolve and every right that the same edit
    requires. Raises NotAllowed."""
    face, vhost = FACES[ref.kind], vhost_of(ref)
    require(user, Permission.DRIFT_RESOLVE, broker, vhost)
    needed = face.rights_for(
        Intent(before=observed, after=spec, changed=_changed(ref, spec, observed))
    )
    for right in needed:
        why = face.why_not(user, right, broker, ref.key)
        if why is None:
            require(user, right, broker, vhost)
        elif why:
            raise NotAllowed(why, {"permission": str(right)})
    return Permission(needed[0])


def _changed(ref: Ref, spec: Spec | None, observed: Spec | None) -> set[str]:
    """Return the fields that differ, or that may differ because they are unknown."""
    try:
        difference = compare(ref, spec, observed)
    except SpecError:
        return {field.name for field in KINDS[ref.kind].fields}
    return {*(change.name for change in difference.fields), *difference.untold}
