"""Create, edit and delete an object of any kind.

Each function authorizes, checks, and returns the `DesiredObject` for a plan or change.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

from console.engine.proposal import DesiredObject
from console.engine.proposals.current_state import CurrentState, current_states
from console.errors import InvalidField
from console.faces.face import Face, Intent, Right
from console.faces.ports import REQUIRE
from console.faces.writes import Make
from console.kinds.common.kind import Key, Spec, SpecError
from console.kinds.common.names import check_name
from console.kinds.registry import OWNERS
from console.models import Broker
from console.reconcile.disclose import public_spec, secrets_of_spec


def current_state_of(face: Face, broker: Broker, key: Key) -> CurrentState:
    """Return the desired and observed state of the object. Two queries."""
    named = dict(zip(face.kind.identity, key, strict=True))
    row = face.model._default_manager.filter(broker=broker, **named).first()
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
    for name, value in zip(face.kind.identity, key, strict=True):
        try:
            check_name(name if name in OWNERS else face.name, value, name)
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
) -> DesiredObject:
    """Return the desired object to delete it. `expected_generation` None: any. Raises NotAllowed,
    NotThere."""
    REQUIRE.ask(acting_user, face.rights.delete, broker, face.kind.vhost_of(key))
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
