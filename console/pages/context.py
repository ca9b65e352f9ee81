"""The context of the page frame on every page: navigation and scope."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.functional import SimpleLazyObject

from accessctl.authorize import AnyUser, may
from accessctl.rights import Permission
from accessctl.visibility.changes import changes_to_look_at, drifted
from console.errors import ConsoleError
from console.faces.acts.once import generated
from console.faces.face import FACES, Face, drawn_faces
from console.models import Broker
from console.scope import Scope
from vhosts.alerts.pages.incidents import firing_count
from vhosts.alerts.pages.urls import ALERT_ROUTES


@dataclass(frozen=True, slots=True)
class _Place:
    """An entry of the left rail. `route` also names the active page; `also` are routes below it."""

    route: str
    label: str
    icon: str
    permission: Permission
    key: str = ""
    also: tuple[str, ...] = ()
    scoped: bool = True


#: What the pages below a kind's list do.
_ACTS = ("create", "edit", "delete", "clear")
_RAIL: tuple[tuple[str, tuple[_Place, ...]], ...] = (
    (
        "Watch",
        (
            _Place(
                "fleet", "Fleet", "server-stack", Permission.BROKERS_VIEW, "f",
                (
                    "broker", "broker_add", "broker_edit", "broker_forget", "cluster", "cluster_name", "cluster_flags",
                    "cluster_rebalance", "cluster_members",
                ),
            ),
            _Place("nodes", "Nodes", "server", Permission.BROKERS_VIEW, "", ("node",)),
            _Place("queues", "Queues", "queue-list", Permission.QUEUES_VIEW, "q", ("queue", "queue_members", "queue_member")),
            _Place(
                "connections", "Connections", "link", Permission.CONNECTIONS_VIEW, "n",
                ("connection", "connection_close", "connections_close", "channels", "channel", "consumers"),
            ),
            _Place("alerts", "Alerts", "bell-alert", Permission.ALERTS_VIEW, "i", ALERT_ROUTES),
            _Place("diagnosis", "Diagnosis", "magnifying-glass", Permission.BROKERS_VIEW, "h", ("finding_ignore", "readiness", "noise")),
            _Place(
                "dashboards", "Dashboards", "chart-bar", Permission.BROKERS_VIEW, "b",
                ("dashboard", "dashboard_new", "dashboard_edit", "dashboard_delete"), scoped=False,
            ),
        ),
    ),
    (
        "Manage",
        (
            _Place("vhosts", "Virtual hosts", "square-3-stack-3d", Permission.VHOSTS_VIEW, "v"),
            _Place("topology", "Topology", "share", Permission.QUEUES_VIEW, "t"),
            _Place("users", "Users", "users", Permission.USERS_VIEW, "u"),
            _Place(
                "permissions", "Permissions", "key", Permission.PERMISSIONS_VIEW, "p",
                ("matrix", "permission_edit", "permission_copy"),
            ),
            _Place("route", "Trace a message", "arrow-turn-down-right", Permission.QUEUES_VIEW, "r"),
            _Place("limits", "Limits", "scale", Permission.VHOSTS_VIEW),
            _Place(
                "definitions", "Definitions", "document-duplicate", Permission.DEFINITIONS_EXPORT, "e",
                ("definitions_plan", "backups", "backup_compare"),
            ),
        ),
    ),
    (
        "Govern",
        (
            _Place(
                "changes", "Changes", "arrow-path-rounded-square", Permission.CHANGES_VIEW, "c", ("change",),
            ),
            _Place("drift", "Drift", "arrows-right-left", Permission.DRIFT_VIEW, "d"),
            _Place("audit", "Audit", "clipboard-document-list", Permission.AUDIT_VIEW, "l", ("audit_entry",)),
            _Place("explain", "Explain access", "question-mark-circle", Permission.EXPLAIN_USE, "x"),
            _Place(
                "access", "Access", "shield-check", Permission.SESSIONS_OWN, "w",
                ("access_grants", "access_people", "access_person", "access_tokens", "access_sessions", "mfa_index", "masking", "masking_new", "masking_edit", "masking_delete"), scoped=False,
            ),
            _Place("system", "System", "cpu-chip", Permission.BROKERS_ADD, "s", scoped=False),
            _Place("admin:index", "Administration", "cog-6-tooth", Permission.BROKERS_EDIT, "a", scoped=False),),
    ),
)  # fmt: skip


def _places() -> Iterator[tuple[str, tuple[_Place, ...]]]:
    """Yield the rail's groups. Kinds whose pages are drawn come after the first place of *Manage*."""
    for title, own in _RAIL:
        places = tuple(map(_with_pages, own))
        if title != "Manage":
            yield title, places
            continue
        shown = tuple(_place_of(face) for face in drawn_faces() if not face.tab_of)
        yield title, (*places[:1], *shown, *places[1:])


def _place_of(face: Face) -> _Place:
    beside = tuple(route for _, route in face.beside)
    label = face.place or face.kind.plural.capitalize()
    return _with_pages(_Place(face.route, label, face.icon, face.rights.view, also=beside))


def _with_pages(place: _Place) -> _Place:
    """Return an entry that is a kind's list with the kind's pages, and those of kinds that are tabs beside it."""
    kinds = [face.name for face in FACES.values() if face.route == place.route]
    below = tuple(
        route
        for one in FACES.values()
        if one.name in kinds or one.tab_of in kinds
        for route in (one.route, one.name, *(f"{one.name}_{act}" for act in _ACTS))
    )
    return replace(place, also=(*place.also, *below))


def frame(request: HttpRequest) -> dict[str, Any]:
    """Return the frame's context. All database queries are lazy, so that error pages make none."""
    match = request.resolver_match
    here = match.view_name if match else ""
    rail = SimpleLazyObject(lambda: rail_of(request.user, here))
    return {
        "version": settings.VERSION,
        "sso_name": settings.OIDC_NAME,
        "now": timezone.now(),
        "scope": SimpleLazyObject(lambda: _scope(request)),
        "rail": rail,
        "active_place": SimpleLazyObject(lambda: _active_place(request, rail)),
        "brokers_in_trouble": SimpleLazyObject(lambda: _brokers_in_trouble(request)),
        "changes_to_look_at": SimpleLazyObject(lambda: changes_to_look_at(request.user)),
        "once": SimpleLazyObject(lambda: generated(request)),
        "alerts_firing": SimpleLazyObject(lambda: firing_count(request.user)),
        "drifted": SimpleLazyObject(lambda: drifted(request.user)),
    }


def _scope(request: HttpRequest) -> Scope:
    """Return the URL's scope; the whole fleet if it is invalid, which the page itself reports."""
    try:
        return Scope.read(request.GET, request.user)
    except (ConsoleError, Http404):
        return Scope()


def icon_of(face: Face) -> str:
    """Return the icon of a kind: that of its entry in the rail, if it has one."""
    own = (place for _, group in _RAIL for place in group if place.route == face.route)
    return next((place.icon for place in own), face.icon)


def rail_of(user: AnyUser, here: str = "") -> list[dict[str, Any]]:
    """Return the groups of the rail with the entries that the user may open; `here` is the route of
    the page shown."""
    groups = []
    for title, places in _places():
        shown = []
        for place in places:
            if not may(user, place.permission):
                continue
            try:
                url = reverse(place.route)
            except NoReverseMatch:
                continue
            shown.append({
                "url": url, "label": place.label, "icon": place.icon, "key": place.key,
                "route": place.route, "scoped": place.scoped,
                "active": here == place.route or here in place.also,
            })  # fmt: skip
        if shown:
            groups.append({"title": title, "places": shown})
    return groups


#: Lists with a scope that are tabs beside an entry of the rail.
_TABS = frozenset({"matrix", "unmanaged", "backups", "channels", "consumers", "readiness", "noise"})


def scoped_routes() -> frozenset[str]:
    """Return the routes that have a scope, to which the scope picker can lead."""
    places = {place.route for _, group in _places() for place in group if place.scoped}
    listed = [face for face in FACES.values() if face.is_listed]
    beside = (route for face in listed for _, route in face.beside)
    return _TABS.union(places, (face.route for face in listed), beside)


def _brokers_in_trouble(request: HttpRequest) -> int:
    return Broker.objects.visible_to(request.user).in_trouble(timezone.now()).count()


def _active_place(request: HttpRequest, rail: Any) -> str:
    """Return the route of the scope picker's links: the list shown, else the rail's active entry."""
    match = request.resolver_match
    if match and match.view_name in scoped_routes():
        return str(match.view_name)
    lit = (place for group in rail for place in group["places"] if place["active"])
    return next((place["route"] for place in lit if place["scoped"]), "fleet")
