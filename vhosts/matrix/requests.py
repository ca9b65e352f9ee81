"""What the form for chosen cells of the matrix requests, and the texts of its preview and
button."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from accessctl.permissions import rules as service
from console.engine.proposal import DesiredObject
from console.errors import NotThere
from console.models import Broker
from vhosts.matrix.forms import PermissionForm


def desired_objects_of(
    request: HttpRequest, broker: Broker, form: PermissionForm
) -> list[DesiredObject]:
    patterns, desired_objects = form.wanted(), []
    places = form.places()
    one = sum(len(vhosts) * len(users) for vhosts, users in places.items()) == 1
    nothing: NotThere | None = None
    for vhosts, users in places.items():
        where: dict[str, Any] = {"broker": broker, "vhosts": vhosts, "users": users}
        if patterns is not None:
            generation = form.cleaned_data["generation"] if one else None
            desired_objects += service.set_permissions(
                **where,
                patterns=patterns,
                acting_user=request.user,
                expected_generation=generation,
            )
            continue
        try:
            desired_objects += service.clear_permissions(**where, acting_user=request.user)
        except NotThere as error:
            nothing = error
    if not desired_objects and nothing is not None:
        raise nothing
    return desired_objects


def title_of(desired_objects: list[DesiredObject], *, clear: bool) -> str:
    act = "Clear" if clear else "Set"
    if len(desired_objects) == 1:
        vhost, user = desired_objects[0].ref.key
        return f"{act} the permission of {user} on {vhost}"
    vhosts, users = ({desired.ref.key[n] for desired in desired_objects} for n in (0, 1))
    return (
        f"{act} {len(desired_objects)} permissions: {len(users)} user{'s' * (len(users) != 1)}, "
        f"{len(vhosts)} virtual host{'s' * (len(vhosts) != 1)}"
    )


def button_of(desired_objects: list[DesiredObject], *, clear: bool) -> str:
    return f"{'Clear' if clear else 'Set'} permission{'s' * (len(desired_objects) != 1)}"
