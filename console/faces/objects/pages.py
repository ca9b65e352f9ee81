"""List, page, form and deletion of an object in the browser, drawn from its face."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from console.brokers.observation import observe
from console.engine.proposals.commands import step_commands
from console.engine.proposals.sync_states import UNMANAGED, SyncState, sync_states
from console.faces.acts.acts import Asked, carry_out, confirm
from console.faces.face import Face, tabs_of
from console.faces.lists import csv_response, list_response, read_list, read_scope
from console.faces.objects import proposals
from console.faces.objects.forms import ObjectForm
from console.faces.pages.refreshed import refreshed
from console.faces.ports import MAY, REQUIRE, TARGET_BROKER
from console.kinds.common.kind import Op, Ref
from console.kinds.registry import KINDS, parts_of
from console.models import Broker
from console.scope import Scope


def rows_in_scope(face: Face, scope: Scope, user: Any) -> Any:
    """Return the mirror rows in the scope that the user can see, with their broker and its status."""
    rows = face.model._default_manager.visible_to(user)  # type: ignore[attr-defined]
    rows = rows.filter(broker__in=scope.brokers(user))
    if scope.vhost is not None:
        rows = face.in_vhost(rows, scope.vhost, user)
    return rows.select_related("broker__status")


def list_routes(face: Face) -> list[URLPattern]:
    """Return the routes of a kind's list and its CSV export."""

    @require_safe
    @refreshed(face.list_page.reads)
    def listed(request: HttpRequest) -> HttpResponse:
        return _list(face, request)

    @require_safe
    def exported(request: HttpRequest) -> HttpResponseBase:
        REQUIRE.ask(request.user, face.rights.view)
        scope, problems = read_scope(request)
        asked = read_list(face.listing_for(request.user), request.GET)
        rows = face.list_page.exported(rows_in_scope(face, scope, request.user), request.user)
        return csv_response(asked, rows, [*problems, *asked.problems])

    return [
        path(f"{face.slug}/", listed, name=face.route),
        path(f"{face.slug}.csv", exported, name=f"{face.route}_csv"),
    ]


def routes(face: Face) -> list[URLPattern]:
    """Return the routes of a kind's other pages: create, object, edit, delete."""
    slug, name = face.slug, face.name

    @require_http_methods(["GET", "HEAD", "POST"])
    def created(request: HttpRequest) -> HttpResponse:
        return _create(face, request)

    @require_safe
    def shown(request: HttpRequest, object_id: int) -> HttpResponse:
        return _show(face, request, object_id)

    @require_http_methods(["GET", "HEAD", "POST"])
    def edited(request: HttpRequest, object_id: int) -> HttpResponse:
        return _edit(face, request, object_id)

    @require_http_methods(["GET", "HEAD", "POST"])
    def deleted(request: HttpRequest, object_id: int) -> HttpResponse:
        return _delete(face, request, object_id)

    return [
        path(f"{slug}/new/", created, name=f"{name}_create"),
        path(f"{slug}/<int:object_id>/", shown, name=name),
        path(f"{slug}/<int:object_id>/edit/", edited, name=f"{name}_edit"),
        path(f"{slug}/<int:object_id>/delete/", deleted, name=f"{name}_delete"),
    ]


def _list(face: Face, request: HttpRequest) -> HttpResponse:
    REQUIRE.ask(request.user, face.rights.view)
    now = timezone.now()
    scope, problems = read_scope(request)
    spec = face.listing_for(request.user)
    asked = read_list(spec, request.GET, hidden=["broker"] if scope.broker else [])
    rows = rows_in_scope(face, scope, request.user)
    listing = asked.show(rows.none() if problems else rows)
    syncs = _syncs(face, listing.rows) if any(one.key == "sync" for one in spec.columns) else {}
    return list_response(
        request,
        "faces/list.html",
        "faces/_list.html",
        {
            "now": now,
            "scope": scope,
            "face": face,
            "tabs": tabs_of(face),
            "listing": listing,
            "syncs": syncs,
            "object_rows": [(row, syncs.get(row.pk, UNMANAGED)) for row in listing.rows],
            "may_create": MAY.ask(request.user, face.rights.create),
            "observed": observe(
                scope.enabled_brokers(request.user), "inventory_at", now, parts=(face.route,)
            ),
            "scope_problems": problems,
            "list_url": reverse(face.route),
            "export_url": reverse(f"{face.route}_csv") + listing.export_query,
            **face.list_page.context(listing.rows, request.user),
        },
        [*problems, *asked.problems],
    )


def _syncs(face: Face, rows: Sequence[Any]) -> dict[Any, SyncState]:
    """By primary key of the mirror rows; one query."""
    places = {row.pk: (row.broker_id, face.key_of(row)) for row in rows}
    states = sync_states(face.name, places.values())
    return {pk: states.get(place, UNMANAGED) for pk, place in places.items()}


def access(face: Face, user: Any, object_id: int, right: Any) -> Any:
    """Return the mirror row. Raises Http404 outside the user's scope, NotAllowed inside it without the right."""
    rows = face.model._default_manager.visible_to(user)  # type: ignore[attr-defined]
    row = rows.select_related("broker__status").filter(pk=object_id).first()
    if row is None:
        raise Http404(f"No such {face.kind.noun}.")
    REQUIRE.ask(user, right, row.broker, face.vhost_of(row))
    return row


def _show(face: Face, request: HttpRequest, object_id: int) -> HttpResponse:
    row = access(face, request.user, object_id, face.rights.view)
    now = timezone.now()
    key, vhost = face.key_of(row), face.vhost_of(row)
    states = sync_states(face.name, [(row.broker_id, key)])
    spec = face.spec_of(row)
    context: dict[str, Any] = {
        "now": now,
        "scope": Scope.at(row.broker, vhost),
        "face": face,
        "row": row,
        "title_name": key[-1],
        "parts": parts_of(face.name, key),
        "facts": [(fact.label, fact.cell(row)) for fact in face.facts],
        "sync": states.get((row.broker_id, key), UNMANAGED),
        "name": "\n".join(key),
        "observed": observe([row.broker], "inventory_at", now, parts=(face.route,)),
        "crumbs": _crumbs(face, row.broker, vhost),
        "commands": step_commands(
            Ref(face.name, key), Op.CREATE, spec, [field.name for field in face.kind.fields]
        ),
        "may_edit": MAY.ask(request.user, face.rights.edit, row.broker, vhost),
        "may_delete": MAY.ask(request.user, face.rights.delete, row.broker, vhost),
        "edit_url": reverse(f"{face.name}_edit", args=[row.pk]),
        "delete_url": reverse(f"{face.name}_delete", args=[row.pk]),
        "panels": [panel.template for panel in face.panels],
    }
    for panel in face.panels:
        context |= dict(panel.context(row))
    return render(request, "faces/object.html", context)


def _create(face: Face, request: HttpRequest) -> HttpResponse:
    broker, brokers = TARGET_BROKER.ask(request, face.rights.create)
    back = f"{reverse(face.route)}?{urlencode({'broker': broker.pk})}"
    scope = Scope.read(request.GET, request.user)
    initial = {"vhost": scope.vhost} if scope.vhost is not None else {}
    form = ObjectForm(face, request.POST or None, initial=initial)

    def show(status: int) -> HttpResponse:
        return _form_page(
            face, request, form, broker, None, back, status,
            brokers=brokers if len(brokers) > 1 else [],
        )  # fmt: skip

    return carry_out(request, form, lambda: creating(face, request.user, broker, form, back), show)


def creating(face: Face, user: Any, broker: Broker, form: ObjectForm, back: str) -> Asked:
    """Return what a valid form for a new object requests. Raises ConsoleError."""
    desired = proposals.create(
        face, broker=broker, key=form.key(), fields=form.wanted(), acting_user=user
    )
    return Asked(
        title=f"Create the {face.kind.phrase(desired.ref.key)}",
        desired_objects=[desired],
        act=f"Create {face.kind.noun}",
        back=back,
        warnings=list(face.rules.notes(broker, desired.ref.key, desired.spec)),
    )


def _edit(face: Face, request: HttpRequest, object_id: int) -> HttpResponse:
    row = access(face, request.user, object_id, face.rights.edit)
    back = reverse(face.name, args=[row.pk])
    form = edit_form(face, request.POST or None, row)

    def show(status: int) -> HttpResponse:
        return _form_page(face, request, form, row.broker, row, back, status)

    return carry_out(request, form, lambda: editing(face, request.user, row, form, back), show)


def edit_form(face: Face, data: Any, row: Any) -> ObjectForm:
    """Return the form of an existing object: with its desired state, else the observed one. `data` is the
    POST, None to show the form."""
    found = proposals.current_state_of(face, row.broker, face.key_of(row))
    return ObjectForm(
        face, data, spec=found.wanted or found.observed or {}, generation=found.generation
    )


def editing(face: Face, user: Any, row: Any, form: ObjectForm, back: str) -> Asked:
    """Return what a valid form for an existing object requests. Raises ConsoleError."""
    key = face.key_of(row)
    desired = proposals.edit(
        face,
        broker=row.broker,
        key=key,
        fields=form.wanted(),
        acting_user=user,
        expected_generation=form.cleaned_data["generation"],
    )
    return Asked(
        title=f"Edit the {face.kind.phrase(key)}",
        desired_objects=[desired],
        act=f"Edit {face.kind.noun}",
        back=back,
        warnings=list(face.rules.notes(row.broker, key, desired.spec)),
    )


def _delete(face: Face, request: HttpRequest, object_id: int) -> HttpResponse:
    row = access(face, request.user, object_id, face.rights.delete)
    key = face.key_of(row)

    def ask() -> Asked:
        desired = proposals.delete(face, broker=row.broker, key=key, acting_user=request.user)
        return Asked(
            title=f"Delete the {face.kind.phrase(key)}",
            desired_objects=[desired],
            act=f"Delete {face.kind.noun}",
            back=f"{reverse(face.route)}?{urlencode({'broker': row.broker_id})}",
            dies=list(face.rules.dies(row.broker, key, face.spec_of(row))),
            typed=key[-1],
            danger=True,
        )

    return confirm(request, ask, reverse(face.name, args=[row.pk]), broker=row.broker)


def _form_page(
    face: Face,
    request: HttpRequest,
    form: ObjectForm,
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
        "title_name": None if row is None else face.key_of(row)[-1],
        "cancel": cancel,
        "scope": Scope.at(broker, vhost),
        "crumbs": _crumbs(face, broker, vhost),
    }
    return render(request, "faces/form.html", context, status=status)


def _crumbs(face: Face, broker: Broker, vhost: str | None) -> list[tuple[str, str]]:
    here = {"broker": str(broker.pk)} | ({"vhost": vhost} if vhost is not None else {})
    found = [(broker.name, reverse("broker", args=[broker.pk]))]
    if vhost is not None:
        found.append((vhost, f"{reverse(face.route)}?{urlencode(here)}"))
    found.append((KINDS[face.name].plural.capitalize(), f"{reverse(face.route)}?{urlencode(here)}"))
    return found
