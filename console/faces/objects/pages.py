"""An object's list and page in the browser, drawn from its face."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from console.brokers.observation import observe
from console.engine.proposals.commands import step_commands
from console.engine.proposals.sync_states import UNMANAGED, SyncState, sync_states
from console.errors import NotAllowed
from console.faces.face import Face
from console.faces.lists import csv_response, list_response, read_list, read_scope
from console.faces.objects.last_changes import last_changes
from console.faces.pages.refreshed import refreshed
from console.faces.ports import MAY, REQUIRE
from console.faces.tabs import tabs_of
from console.kinds.common.kind import Op, Ref
from console.kinds.registry import CONTAINER, KINDS, parts_of
from console.models import Broker
from console.scope import Scope


def rows_in_scope(face: Face, scope: Scope, user: Any) -> Any:
    """Return the mirror rows in the scope that the user can see, with their broker and its status."""
    rows = face.model._default_manager.visible_to(user)  # type: ignore[attr-defined]
    rows = rows.filter(broker__in=scope.brokers(user))
    if scope.vhost is not None:
        rows = face.in_vhost(rows, scope.vhost, user)
    return face.list_page.annotated(rows).select_related("broker__status")


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


def page_routes(face: Face) -> list[URLPattern]:
    """Return the route of an object's page."""

    @require_safe
    def shown(request: HttpRequest, object_id: int) -> HttpResponse:
        return _show(face, request, object_id)

    return [path(f"{face.slug}/<int:object_id>/", shown, name=face.name)]


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
    """Return sync states by primary key of the mirror rows. One query."""
    places = {row.pk: (row.broker_id, face.key_of(row)) for row in rows}
    states = sync_states(face.name, places.values())
    return {pk: states.get(place, UNMANAGED) for pk, place in places.items()}


def access(face: Face, user: Any, object_id: int, right: Any) -> Any:
    """Return the mirror row. Raises Http404 outside the user's scope, NotAllowed inside it without
    the right to this object."""
    rows = face.model._default_manager.visible_to(user)  # type: ignore[attr-defined]
    row = rows.select_related("broker__status").filter(pk=object_id).first()
    if row is None:
        raise Http404(f"No such {face.kind.noun}.")
    why_not = face.why_not(user, right, row.broker, face.key_of(row))
    if why_not is None:
        REQUIRE.ask(user, right, row.broker, face.vhost_of(row))
    elif why_not:
        raise NotAllowed(why_not, {"permission": str(right)})
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
        "title_name": face.title(key),
        "parts": [
            (CONTAINER.noun if at == face.kind.vhost_at else part.replace("_", " "), value)
            for at, (part, value) in enumerate(parts_of(face.name, key))
            if at != face.kind.table_at
        ],
        "facts": [(fact.label, fact.cell(row)) for fact in face.facts],
        "sync": states.get((row.broker_id, key), UNMANAGED),
        "name": "\n".join(key),
        "observed": observe([row.broker], "inventory_at", now, parts=(face.route,)),
        "crumbs": crumbs_of(face, row.broker, vhost),
        "commands": step_commands(
            Ref(face.name, key), Op.CREATE, spec, [field.name for field in face.kind.fields]
        ),
        "may_edit": face.kind.is_editable
        and MAY.ask(request.user, face.rights.edit, row.broker, vhost),
        "may_delete": not face.kind.permanent(key)
        and MAY.ask(request.user, face.rights.delete, row.broker, vhost),
        "edit_url": reverse(f"{face.name}_edit", args=[row.pk]) if face.kind.is_editable else "",
        "delete_url": reverse(f"{face.name}_delete", args=[row.pk]),
        "last_changes": last_changes(request.user, row.broker, face.name, key),
        "panels": [panel.template for panel in face.panels],
    }
    for panel in face.panels:
        context |= {**panel.context(row), **panel.for_person(row, request.user)}
    return render(request, "faces/object.html", context)


def crumbs_of(face: Face, broker: Broker, vhost: str | None) -> list[tuple[str, str]]:
    """Return (label, URL) pairs for the breadcrumbs above an object: broker, virtual host, list."""
    here = {"broker": str(broker.pk)} | ({"vhost": vhost} if vhost is not None else {})
    found = [(broker.name, reverse("broker", args=[broker.pk]))]
    if vhost is not None:
        found.append((vhost, f"{reverse(face.route)}?{urlencode(here)}"))
    found.append((KINDS[face.name].plural.capitalize(), f"{reverse(face.route)}?{urlencode(here)}"))
    return found
