"""Pages to set, clear and copy permissions, and to set and clear topic permissions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from accessctl.authorize import may
from accessctl.models import BrokerUser
from accessctl.patterns.check import dialect_of
from accessctl.permissions import rules as service
from accessctl.permissions.face import TOPIC_PERMISSIONS
from accessctl.rights import Permission
from accessctl.targets import target_broker
from console.engine.proposals.current_state import CurrentState
from console.errors import InvalidField
from console.faces.acts.acts import Asked, back_to, carry_out, confirm
from console.faces.lists import wants_part
from console.kinds.permission import PERMISSION
from console.kinds.registry import TOPIC_PERMISSION
from console.models import Broker
from console.scope import Scope
from vhosts.matrix.forms import (
    Cells,
    CopyForm,
    PermissionForm,
    TopicPermissionForm,
    grouped,
    packed,
    rights_of,
    unpacked,
)
from vhosts.matrix.requests import button_of, desired_objects_of, title_of
from vhosts.models import VirtualHost

#: Names suggested while typing.
_OFFERED = 200
_SHOWN = 30


@require_http_methods(["GET", "HEAD", "POST"])
def permission_edit(request: HttpRequest) -> HttpResponse:
    """Edit one cell (`?broker=&user=&vhost=`), or many that were chosen in the matrix (POST,
    `step=open`)."""
    broker, _ = target_broker(request, Permission.PERMISSIONS_EDIT)
    cells = _chosen(request)
    current = _current_state(request, broker) if cells is None else None
    opened = request.method != "POST" or request.POST.get("step") == "open"
    form = PermissionForm(
        None if opened else request.POST,
        cells=cells,
        dialect=dialect_of(broker.status.erlang_version),
        initial={
            "user": request.GET.get("user", ""),
            "vhost": request.GET.get("vhost", ""),
            "cells": packed(cells) if cells else "",
            "generation": current.generation if current else None,
            **rights_of(current.wanted if current else None),
        },
    )
    back = back_to(request, _matrix(broker))

    def ask() -> Asked:
        desired_objects = desired_objects_of(request, broker, form)
        return Asked(
            title=title_of(desired_objects, clear=form.wanted() is None),
            desired_objects=desired_objects,
            act=button_of(desired_objects, clear=form.wanted() is None),
            back=back,
            warnings=form.notes,
            danger=form.wanted() is None,
        )

    def show(status: int) -> HttpResponse:
        form.mark()
        places = sorted(
            (user, vhost) for vs, us in (cells or {}).items() for user in us for vhost in vs
        )
        context = {
            **_context(request, broker, back),
            "form": form,
            "cells": places[:_SHOWN],
            "cell_count": len(places),
            "current": current,
        }
        part = wants_part(request) and request.method != "POST"
        template = "vhosts/_permission_form.html" if part else "vhosts/permission_form.html"
        return render(request, template, context, status=status)

    return carry_out(request, form, ask, show)


@require_http_methods(["GET", "HEAD", "POST"])
def permission_copy(request: HttpRequest) -> HttpResponse:
    broker, _ = target_broker(request, Permission.PERMISSIONS_EDIT)
    form = CopyForm(request.POST or None, initial={"source": request.GET.get("user", "")})
    back = back_to(request, _matrix(broker))

    def ask() -> Asked:
        source, target = form.cleaned_data["source"], form.cleaned_data["target"]
        desired_objects = service.copy_permissions(
            broker=broker,
            source=source,
            target=target,
            replace=form.cleaned_data["replace"],
            acting_user=request.user,
        )
        return Asked(
            title=f"Copy the permissions of {source} to {target}",
            desired_objects=desired_objects,
            act="Copy permissions",
            back=back,
        )

    def show(status: int) -> HttpResponse:
        form.mark()
        context = {**_context(request, broker, back), "form": form}
        return render(request, "vhosts/permission_copy.html", context, status=status)

    return carry_out(request, form, ask, show)


@require_http_methods(["GET", "HEAD", "POST"])
def topic_edit(request: HttpRequest) -> HttpResponse:
    broker, _ = target_broker(request, Permission.PERMISSIONS_EDIT)
    current = _topic_state(request, broker)
    form = TopicPermissionForm(
        request.POST or None,
        dialect=dialect_of(broker.status.erlang_version),
        initial={
            **{n: request.GET[n] for n in ("user", "vhost", "exchange") if n in request.GET},
            "generation": current.generation if current else None,
            **((current.wanted or {}) if current else {}),
        },
    )
    back = back_to(
        request, f"{reverse(TOPIC_PERMISSIONS.route)}?{urlencode({'broker': broker.pk})}"
    )

    def ask() -> Asked:
        said = form.cleaned_data
        desired = service.set_topic(
            broker=broker,
            key=tuple(said[name] for name in TOPIC_PERMISSION.identity),
            fields={name: said[name] for name in ("write", "read")},
            acting_user=request.user,
            expected_generation=said["generation"],
        )
        return Asked(
            title=f"Set the topic permission of {said['user']} on {said['exchange']} in {said['vhost']}",
            desired_objects=[desired],
            act="Set topic permission",
            back=back,
            warnings=form.notes,
        )

    def show(status: int) -> HttpResponse:
        form.mark()
        context = {**_context(request, broker, back), "form": form, "current": current}
        return render(request, "vhosts/topic_form.html", context, status=status)

    return carry_out(request, form, ask, show)


@require_http_methods(["GET", "HEAD", "POST"])
def topic_clear(request: HttpRequest) -> HttpResponse:
    """Clear a topic permission: `?broker=&vhost=&user=&exchange=`."""
    broker, _ = target_broker(request, Permission.PERMISSIONS_EDIT)
    named = {name: _text(request, name) for name in TOPIC_PERMISSION.identity}
    back = back_to(
        request, f"{reverse(TOPIC_PERMISSIONS.route)}?{urlencode({'broker': broker.pk})}"
    )

    def ask() -> Asked:
        desired = service.clear_topic(
            broker=broker, key=tuple(named.values()), acting_user=request.user
        )
        return Asked(
            title=f"Clear the topic permission of {named['user']} on {named['exchange']} in "
            f"{named['vhost']}",
            desired_objects=[desired],
            act="Clear topic permission",
            back=back,
            dies=[
                "Without a topic permission, all routing keys are allowed on this exchange, "
                "within the user's permissions on it."
            ],
            danger=True,
        )

    return confirm(request, ask, back, broker=broker)


def _chosen(request: HttpRequest) -> Cells | None:
    """Return the cells chosen in the matrix; None: one cell, typed by the person. If only rows are
    chosen, all shown columns count, and vice versa. Raises InvalidField."""
    if request.method != "POST":
        return None
    if request.POST.get("step") != "open":
        return unpacked(request.POST.get("cells", ""))
    users, vhosts = (request.POST.getlist(name) for name in ("user", "vhost"))
    pairs = [_pair(text) for text in request.POST.getlist("cell")]
    if users or vhosts:
        rows = users or request.POST.getlist("shown_user")
        columns = vhosts or request.POST.getlist("shown_vhost")
        pairs += [(user, vhost) for user in rows for vhost in columns]
    if not pairs:
        raise InvalidField("cell", "Select cells, users or virtual hosts first.")
    cells = unpacked(packed(grouped(pairs)))
    if cells is None:
        raise InvalidField("cell", "The selection contains an invalid user or virtual host name.")
    return cells


def _pair(text: str) -> tuple[str, str]:
    try:
        user, vhost = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        raise InvalidField("cell", "The selection is invalid. Select the cells again.") from None
    return str(user), str(vhost)


def _text(request: HttpRequest, name: str) -> str:
    return request.GET.get(name, "").replace("\0", "")


def _current_state(request: HttpRequest, broker: Broker) -> CurrentState | None:
    """Return the state of the cell in the URL; None if the person may not see it."""
    user, vhost = _text(request, "user"), _text(request, "vhost")
    if not (user and vhost and may(request.user, Permission.PERMISSIONS_VIEW, broker, vhost)):
        return None
    return service.state_of(PERMISSION, broker, (vhost, user))


def _topic_state(request: HttpRequest, broker: Broker) -> CurrentState | None:
    key = tuple(_text(request, name) for name in TOPIC_PERMISSION.identity)
    if not (all(key) and may(request.user, Permission.PERMISSIONS_VIEW, broker, key[0])):
        return None
    return service.state_of(TOPIC_PERMISSION, broker, key)


def _matrix(broker: Broker) -> str:
    return f"{reverse('matrix')}?{urlencode({'broker': broker.pk})}"


def _context(request: HttpRequest, broker: Broker, back: str) -> Mapping[str, Any]:
    def names(model: type[BrokerUser | VirtualHost]) -> list[str]:
        rows = model.objects.visible_to(request.user).filter(broker=broker).order_by("name")
        return list(rows.values_list("name", flat=True)[:_OFFERED])

    return {
        "broker": broker,
        "cancel": back,
        "next": back,
        "scope": Scope.at(broker),
        "users": names(BrokerUser),
        "vhosts": names(VirtualHost),
    }
