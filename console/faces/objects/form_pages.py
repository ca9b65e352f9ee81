"""Pages to create, edit and delete an object: a form drawn from its face, or its own, then the
preview."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from console.faces.acts.acts import carry_out, confirm
from console.faces.acts.forms import MOST_NAME, ActForm
from console.faces.drawing import OwnForm
from console.faces.face import Face
from console.faces.objects.pages import access, crumbs_of
from console.faces.objects.requests import asked_by, deletion, form_of
from console.faces.ports import TARGET_BROKER
from console.models import Broker
from console.scope import Scope


def form_routes(face: Face) -> list[URLPattern]:
    """Return the routes to create, edit and delete an object."""
    slug, name = face.slug, face.name

    @require_http_methods(["GET", "HEAD", "POST"])
    @sensitive_post_parameters()
    def created(request: HttpRequest) -> HttpResponse:
        return _create(face, request)

    @require_http_methods(["GET", "HEAD", "POST"])
    @sensitive_post_parameters()
    def edited(request: HttpRequest, object_id: int) -> HttpResponse:
        return _edit(face, request, object_id)

    @require_http_methods(["GET", "HEAD", "POST"])
    def deleted(request: HttpRequest, object_id: int) -> HttpResponse:
        return _delete(face, request, object_id)

    routes = [
        path(f"{slug}/new/", created, name=f"{name}_create"),
        path(f"{slug}/<int:object_id>/edit/", edited, name=f"{name}_edit"),
        path(f"{slug}/<int:object_id>/delete/", deleted, name=f"{name}_delete"),
    ]
    return [one for one in routes if face.kind.is_editable or one.name != f"{name}_edit"]


def _create(face: Face, request: HttpRequest) -> HttpResponse:
    broker, brokers = TARGET_BROKER.ask(request, face.rights.create)
    back = f"{reverse(face.route)}?{urlencode({'broker': broker.pk})}"
    initial: dict[str, str] = {}
    if face.kind.vhost_at is not None and not face.kind.is_container:
        vhost = Scope.read(request.GET, request.user).vhost
        initial = _named_in(request, face)
        if vhost is not None:
            initial[face.kind.identity[face.kind.vhost_at]] = vhost
    form = form_of(face, request, broker, None, initial)

    def show(status: int) -> HttpResponse:
        return _form_page(
            face, request, form, broker, None, back, status,
            brokers=brokers if len(brokers) > 1 else [],
        )  # fmt: skip

    return carry_out(request, form, lambda: asked_by(face, request, broker, None, form, back), show)


def _named_in(request: HttpRequest, face: Face) -> dict[str, str]:
    """Return what the URL fills in: parts of a new object's key without its virtual host, and the
    form's own `prefills`."""
    parts = [name for at, name in enumerate(face.kind.identity) if at != face.kind.vhost_at]
    given = {name: request.GET[name][:MOST_NAME] for name in parts if request.GET.get(name)}
    more = face.form.prefills if isinstance(face.form, OwnForm) else ()
    return given | {name: request.GET[name] for name in more if request.GET.get(name)}


def _edit(face: Face, request: HttpRequest, object_id: int) -> HttpResponse:
    row = access(face, request.user, object_id, face.rights.edit)
    back = reverse(face.object_route, args=[row.pk])
    form = form_of(face, request, row.broker, row)

    def show(status: int) -> HttpResponse:
        return _form_page(face, request, form, row.broker, row, back, status)

    return carry_out(
        request, form, lambda: asked_by(face, request, row.broker, row, form, back), show
    )


def _delete(face: Face, request: HttpRequest, object_id: int) -> HttpResponse:
    row = access(face, request.user, object_id, face.rights.delete)
    back = f"{reverse(face.route)}?{urlencode({'broker': row.broker_id})}"
    only_in_production = face.form is not None and face.form.typed_in_production
    typed = Scope.at(row.broker).is_production or not only_in_production
    force = bool(face.forced) and request.GET.get("force") == "yes"
    return confirm(
        request,
        lambda: deletion(face, request.user, [row], back, typed=typed, force=force),
        reverse(face.object_route, args=[row.pk]),
        broker=row.broker,
        instead=_instead(face, row, force),
    )


def _instead(face: Face, row: Any, force: bool) -> tuple[str, str] | None:
    """Return label and URL of the other way to delete the object, if there is one."""
    here = reverse(f"{face.name}_delete", args=[row.pk])
    if force:
        return "Delete it only if it’s unused", here
    if face.forced and face.rules.in_use(row.broker, face.key_of(row)):
        return face.forced, f"{here}?force=yes"
    return None


def _form_page(
    face: Face,
    request: HttpRequest,
    form: ActForm,
    broker: Broker,
    row: Any,
    cancel: str,
    status: int,
    brokers: list[Broker] | None = None,
) -> HttpResponse:
    form.mark()
    vhost = None if row is None else face.vhost_of(row)
    context: Mapping[str, Any] = {
        "face": face,
        "form": form,
        "broker": broker,
        "brokers": brokers or [],
        "row": row,
        "title_name": None if row is None else face.title(face.key_of(row)),
        "about": face.form.about[row is not None] if face.form else face.about,
        "cancel": cancel,
        "scope": Scope.at(broker, vhost),
        "crumbs": _crumbs(face, broker, row),
    }
    return render(request, "faces/form.html", context, status=status)


def _crumbs(face: Face, broker: Broker, row: Any) -> list[tuple[str, str]]:
    if face.is_drawn:
        return crumbs_of(face, broker, None if row is None else face.vhost_of(row))
    found = [(broker.name, reverse("broker", args=[broker.pk]))]
    if row is not None:
        found.append((face.title(face.key_of(row)), reverse(face.object_route, args=[row.pk])))
    return found
