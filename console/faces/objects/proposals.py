"""Create, edit and delete an object of any kind.

Each function authorizes, checks, and returns the `DesiredObject` for a plan or change.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

from console.engine.proposal import DesiredObject
from console.engine.proposals.current_state import CurrentState, current_states
from console.errors import InvalidField, NotAllowed
from console.faces.face import Face, Intent, Right
from console.faces.ports import MAY, REQUIRE
from console.faces.writes import Make
from console.kinds.common.kind import Key, Spec, SpecError
from console.kinds.common.names import check_name
from console.kinds.registry import OWNERS
from console.models import Broker
from console.reconcile.disclose import public_spec, secrets_of_spec


def current_state_of(face: Face, broker: Broker, key: Key) -> CurrentState:
    """Return the desired and observed state of the object. Two queries."""
    named = dict(zip(face.kind.identity, key, strict=True))
    row = face.present().filter(broker=broker, **named).first()
    seen = {} if row is None else {key: face.spec_of(row)}
    return current_states(broker, face.name, [key], seen)[key]


class Ways(NamedTuple):
    """The functions that create, edit and delete objects of a kind, and their verbs for titles."""

    create: Make
    edit: Make
    delete: Make
    verbs: tuple[str, str, str] = ("Create", "Edit", "Delete")


def ways_of(face: Face) -> Ways:
    """Return the kind's own functions, else the general ones."""
    if own := face.api:
        return Ways(own.create, own.edit, own.delete, own.verbs)
    return Ways(partial(create, face), partial(edit, face), partial(delete, face))


def create(
    face: Face, *, broker: Broker, key: Key, fields: Mapping[str, Any], acting_user: Any
) -> DesiredObject:
    """Return the desired object to create it. Raises NotAllowed, InvalidField, and AlreadyThere if
    it exists or is requested."""
    REQUIRE.ask(acting_user, face.rights.create, broker, face.kind.vhost_of(key))
    try:
        for at, (name, value) in enumerate(zip(face.kind.identity, key, strict=True)):
            if at != face.kind.table_at:
                check_name(name if name in OWNERS else face.name, value, name)
        face.kind.check_key(key)
    except SpecError as error:
        raise InvalidField(error.field, str(error)) from None
    _refuse_brokers_own(face, key)
    spec = _canonical(face, face.rules.check(broker, key, fields))
    found = current_state_of(face, broker, key)
    found.must_be_new(broker)
    return DesiredObject(
        broker=broker,
        ref=found.ref,
        spec=public_spec(face.name, spec),
        observed=found.observed,
        permission=_authorized(face, acting_user, broker, found, None, spec),
        secrets=secrets_of_spec(face.name, spec),
        expected_generation=found.generation,
        new=True,
    )


def create_or_edit(
    face: Face, *, broker: Broker, key: Key, fields: Mapping[str, Any], acting_user: Any
) -> Any:
    """Return what creates the object, or changes it if it is there already. Raises as these do."""
    ways = ways_of(face)
    # A missing right in the error would reveal an object that the person may not see.
    seen = MAY.ask(acting_user, face.rights.view, broker, face.kind.vhost_of(key))
    there = seen and current_state_of(face, broker, key).wanted is not None
    make = ways.edit if there else ways.create
    return make(broker=broker, key=key, fields=fields, acting_user=acting_user)


def edit(
    face: Face,
    *,
    broker: Broker,
    key: Key,
    fields: Mapping[str, Any],
    acting_user: Any,
    expected_generation: int | None = None,
) -> DesiredObject:
    """Return the desired object with `fields` changed; the others stay. `expected_generation` None:
    the current one. Raises NotAllowed, InvalidField, NotThere. If the generation changes meanwhile,
    `accept` raises Stale."""
    REQUIRE.ask(acting_user, face.rights.edit, broker, face.kind.vhost_of(key))
    _refuse_brokers_own(face, key)
    found = current_state_of(face, broker, key)
    spec = _canonical(face, face.rules.check(broker, key, found.changed(fields)))
    _must_not_replace(face, spec, found.observed)
    return DesiredObject(
        broker=broker,
        ref=found.ref,
        spec=public_spec(face.name, spec),
        observed=found.observed,
        permission=_authorized(face, acting_user, broker, found, found.wanted, spec),
        secrets=secrets_of_spec(face.name, spec),
        expected_generation=found.generation
        if expected_generation is None
        else expected_generation,
    )


def delete(
    face: Face,
    *,
    broker: Broker,
    key: Key,
    acting_user: Any,
    expected_generation: int | None = None,
    force: bool = False,
) -> DesiredObject:
    """Return the desired object to delete it. `expected_generation` None: any. `force`: even if the
    broker would keep it because it is in use. Raises NotAllowed, NotThere."""
    REQUIRE.ask(acting_user, face.rights.delete, broker, face.kind.vhost_of(key))
    if reason := face.kind.permanent(key):
        raise NotAllowed(reason)
    _refuse_brokers_own(face, key)
    found = current_state_of(face, broker, key)
    found.must_be_there()
    return DesiredObject(
        broker=broker,
        ref=found.ref,
        spec=None,
        observed=found.observed,
        permission=_authorized(
            face, acting_user, broker, found, found.wanted or found.observed or {}, None
        ),
        expected_generation=expected_generation,
        guard={**face.rules.guard(broker, key), **({"force": 1} if force else {})},
    )


def _must_not_replace(face: Face, spec: Mapping[str, Any], observed: Spec | None) -> None:
    """Raises InvalidField if the object would have to be deleted first, of a kind whose fields are
    all fixed."""
    if observed is None or face.kind.is_editable:
        return
    seen = _canonical(face, observed)
    for field in face.kind.fields:
        if spec[field.name] != seen[field.name]:
            raise InvalidField(
                field.name,
                f"RabbitMQ can't change the {field.title} of an existing {face.kind.noun}. Delete "
                "it, then create it again.",
            )


def _refuse_brokers_own(face: Face, key: Key) -> None:
    if key in face.kind.brokers_own:
        raise InvalidField(
            face.kind.identity[-1],
            f"The {face.kind.phrase(key)} is the broker's own and can't be changed here.",
        )


def _authorized(
    face: Face,
    user: Any,
    broker: Broker,
    found: CurrentState,
    before: Spec | None,
    after: Spec | None,
) -> Right:
    """Return the right that is checked again before the step is applied. Raises NotAllowed without
    all rights that this change needs."""
    names = {field.name for field in face.kind.fields}
    needed = face.rights_for(Intent(before=before, after=after, changed=names))
    for right in needed:
        REQUIRE.ask(user, right, broker, face.kind.vhost_of(found.ref.key))
    return needed[0]


def _canonical(face: Face, fields: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return face.kind.canonical(fields)
    except SpecError as error:
        raise InvalidField(error.field, str(error)) from None
