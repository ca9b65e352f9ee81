"""Requests from an object's forms, on pages and in the Django admin: title, desired objects,
warnings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from types import MappingProxyType
from typing import Any

from django.http import HttpRequest

from console.engine.proposal import DesiredObject
from console.faces.acts.acts import Asked
from console.faces.acts.forms import ActForm
from console.faces.drawing import Opened
from console.faces.face import Face, notes_of
from console.faces.objects import proposals
from console.faces.objects.forms import ObjectForm
from console.faces.pages.words import counted
from console.faces.writes import desired_objects_of
from console.kinds.common.kind import Ref
from console.models import Broker


def form_of(
    face: Face,
    request: HttpRequest,
    broker: Broker,
    row: Any,
    initial: Mapping[str, Any] = MappingProxyType({}),
) -> ActForm:
    """Return the form of an existing object, with its desired state, else the observed one. `row`
    None: of a new object. Bound to the POST data, if any."""
    data, spec, generation = request.POST or None, None, None
    if row is not None:
        found = proposals.current_state_of(face, broker, face.key_of(row))
        spec, generation = found.wanted or found.observed or {}, found.generation
    if face.form is None:
        return ObjectForm(face, data, spec=spec, generation=generation, initial=initial)
    opened = Opened(
        user=request.user, broker=broker, row=row, data=data, spec=spec, generation=generation,
        initial=initial,
    )  # fmt: skip
    return face.form.make(opened)


def asked_by(
    face: Face, request: HttpRequest, broker: Broker, row: Any, form: ActForm, back: str
) -> Asked:
    """Return what a valid form requests for a mirror row, or for a new object (`row` None). Raises
    ConsoleError."""
    ways = proposals.ways_of(face)
    where: dict[str, Any] = {"broker": broker, "acting_user": request.user}
    said = form.cleaned_data
    if row is None:
        verb, keys = ways.verbs[0], form.keys(face.kind.identity)
        # Of several objects, some may be there already.
        make = ways.create if len(keys) == 1 else partial(proposals.create_or_edit, face)
        made = [make(**where, key=key, fields=form.wanted()) for key in keys]
    else:
        verb, keys = ways.verbs[1], [face.key_of(row)]
        made = [
            ways.edit(
                **where, key=keys[0], fields=form.wanted(), expected_generation=said["generation"]
            )
        ]
    desired_objects = [desired for one in made for desired in desired_objects_of(one)]
    noun = face.kind.noun if len(keys) == 1 else f"{len(keys)} {face.kind.plural}"
    return Asked(
        title=f"{verb} the {face.called(keys[0])}" if len(keys) == 1 else f"{verb} {noun}",
        desired_objects=desired_objects,
        act=f"{verb} {noun}",
        back=back,
        warnings=[one for desired in desired_objects for one in _warnings(face, desired)],
        dies=notes_of(desired_objects),
        once=form.generated,
    )


def _warnings(face: Face, desired: DesiredObject) -> Iterable[str]:
    yield from face.rules.notes(desired.broker, desired.ref.key, desired.spec)
    if face.form is not None:
        yield from face.form.warnings(desired)


def deletion(
    face: Face, user: Any, rows: Sequence[Any], back: str, *, typed: bool, force: bool = False
) -> Asked:
    """Return the request to delete the objects of the mirror rows. `typed`: confirm by typing the
    name of the only one, or the number of objects. `force`: also what is in use. Raises
    ConsoleError."""
    ways = proposals.ways_of(face)
    verb = ways.verbs[2]
    desired_objects = [
        desired
        for row in rows
        for desired in desired_objects_of(
            ways.delete(
                broker=row.broker,
                key=face.key_of(row),
                acting_user=user,
                **({"force": True} if force else {}),
            )
        )
    ]
    only = face.key_of(rows[0]) if len(rows) == 1 else None
    many = counted(len(rows), face.kind.noun)
    return Asked(
        title=f"{verb} the {face.called(only)}" if only else f"{verb} {many}",
        desired_objects=desired_objects,
        act=f"{verb} {face.kind.noun}" if only else f"{verb} {many}",
        back=back,
        dies=told_of_each(
            rows,
            lambda row: Ref(face.name, face.key_of(row)),
            lambda row: deleted_with(face, row, force=force),
        ),
        typed=(only[face.typed_at] if only else many) if typed else "",
        danger=True,
    )


def deleted_with(face: Face, row: Any, *, force: bool) -> list[str]:
    """Return what is lost with the object of a mirror row, and why the broker would keep it."""
    key = face.key_of(row)
    kept = "" if force else face.rules.in_use(row.broker, key)
    lost = face.rules.dies(row.broker, key, face.spec_of(row))
    return [*([kept] if kept else []), *lost]


def told_of_each(
    rows: Sequence[Any], ref: Callable[[Any], Ref], tell: Callable[[Any], Sequence[str]]
) -> dict[Ref, list[str]]:
    """Return sentences by object. If an object is on several brokers, each broker's sentences are
    included, with the broker's name."""
    several = len({row.broker_id for row in rows}) > 1
    found: dict[Ref, list[str]] = {}
    for row in rows:
        sentences = [f"{row.broker.name}: {one}" if several else one for one in tell(row)]
        found.setdefault(ref(row), []).extend(sentences)
    return found
