"""The next steps after an object was created: links next to its change."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django import template
from django.urls import NoReverseMatch, reverse

from console.faces.face import FACES
from console.faces.ports import MAY
from console.faces.seen import ids_of
from console.kinds.common.kind import Op
from console.kinds.registry import KINDS
from console.models import Change, ChangeState, Step
from console.scope import Scope

register = template.Library()


@register.simple_tag
def next_steps(change: Change, user: Any) -> list[tuple[str, str]]:
    """Return (label, URL) pairs for a change that created one object; empty for any other, and
    until it is applied. Contains only what the user is allowed to do."""
    if change.state != ChangeState.DONE:
        return []
    steps = list(change.steps.select_related("target", "broker")[:2])
    if len(steps) != 1 or steps[0].op != Op.CREATE or steps[0].target.kind not in FACES:
        return []
    return [*_then(steps[0], user), *_open(steps[0], user), *_another(steps[0], user)]


def _then(step: Step, user: Any) -> list[tuple[str, str]]:
    """Return what the kind itself suggests, such as setting permissions for a new user."""
    kind = KINDS[step.target.kind]
    parts = dict(zip(kind.identity, step.target.key, strict=True))
    place = kind.vhost_of(tuple(step.target.key))
    found = []
    for one in FACES[kind.name].then:
        if MAY.ask(user, one.right, step.broker, place):
            named = {name: parts[part] for name, part in one.parameters.items()}
            query = urlencode({"broker": step.broker_id, **named})
            found.append((one.label, f"{reverse(one.route)}?{query}"))
    return found


def _open(step: Step, user: Any) -> list[tuple[str, str]]:
    """Return the link to the object's page, once an inventory or read-back has stored a row of it."""
    face, key = FACES[step.target.kind], tuple(step.target.key)
    if not face.object_route:
        return []
    row = ids_of(step.broker, face.name, [key], viewer=user).get(key)
    return [(f"Open {face.kind.noun}", reverse(face.object_route, args=[row]))] if row else []


def _another(step: Step, user: Any) -> list[tuple[str, str]]:
    face, key = FACES[step.target.kind], tuple(step.target.key)
    place = face.kind.vhost_of(key) if len(key) > 1 else None
    try:
        address = reverse(f"{face.name}_create")
    except NoReverseMatch:
        return []
    if not MAY.ask(user, face.rights.create, step.broker, place):
        return []
    query = Scope.at(step.broker, place).query()
    return [(f"Create another {face.kind.noun}", f"{address}{query}")]
