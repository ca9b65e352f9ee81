"""Search pages of the console and commands: what the person may open, and what they may start."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import NoReverseMatch, reverse

from accessctl.authorize import may
from accessctl.rights import Permission
from console.faces.face import FACES
from console.pages.context import icon_of, rail_of
from console.pages.search.hits import Group, Hit
from console.pages.search.ranking import rank
from console.scope import Scope


@dataclass(frozen=True, slots=True)
class _Place:
    """A page or command outside the rail. `permission` None: everybody's."""

    label: str
    route: str
    icon: str
    permission: Permission | None
    scoped: bool = False
    query: str = ""


_PAGES = (
    _Place("Permission matrix", "matrix", "table-cells", Permission.PERMISSIONS_VIEW, scoped=True),
    _Place("Unmanaged objects", "unmanaged", "eye-slash", Permission.DRIFT_VIEW, scoped=True),
    _Place("Backups", "backups", "archive-box", Permission.DEFINITIONS_EXPORT, scoped=True),
    _Place("Accounts and groups", "access_people", "user-group", Permission.PEOPLE_VIEW),
    _Place("Grants", "access_grants", "shield-check", Permission.PEOPLE_VIEW),
    _Place("Your API tokens", "access_tokens", "key", None),
    _Place("Your sessions", "access_sessions", "computer-desktop", None),
    _Place("Two-factor authentication", "mfa_index", "lock-closed", None),
    _Place("REST API documentation", "api-docs", "code-bracket", None),
)
_COMMANDS = (
    _Place("Add broker", "broker_add", "plus", Permission.BROKERS_ADD),
    _Place("Copy permissions", "permission_copy", "document-duplicate", Permission.PERMISSIONS_EDIT, scoped=True),
    _Place("Create account", "access_people", "user-plus", Permission.PEOPLE_EDIT, query="?new=account"),
    _Place("Change password", "account_change_password", "key", None),
)  # fmt: skip


def find_pages(text: str, user: Any, scope: Scope) -> Group | None:
    """Return the pages whose names contain the text: those of the rail, lists beside them, others."""
    return _group("page", "Pages", _pages(user), text, scope)


def find_commands(text: str, user: Any, scope: Scope) -> Group | None:
    return _group("command", "Commands", _commands(user), text, scope)


def _group(key: str, label: str, places: Iterator[_Place], text: str, scope: Scope) -> Group | None:
    hits = []
    for place in places:
        found = rank(place.label, text)
        try:
            url = reverse(place.route)
        except NoReverseMatch:
            continue
        if found is None:
            continue
        where = place.query or (scope.query() if place.scoped else "")
        hits.append(Hit(kind=key, name=place.label, url=url + where, icon=place.icon, rank=found))
    if not hits:
        return None
    hits.sort(key=lambda hit: hit.rank)
    # After objects that match equally well.
    return Group(key=key, label=label, hits=hits, total=len(hits), order=len(FACES) + 1)


def _pages(user: Any) -> Iterator[_Place]:
    routes = set()
    for group in rail_of(user):
        for one in group["places"]:
            routes.add(one["route"])
            yield _Place(one["label"], one["route"], one["icon"], None, scoped=one["scoped"])
    for face in FACES.values():
        if face.is_listed and face.route not in routes and may(user, face.rights.view):
            label = face.kind.plural.capitalize()
            yield _Place(label, face.route, icon_of(face), None, scoped=True)
    yield from _permitted(_PAGES, user)


def _commands(user: Any) -> Iterator[_Place]:
    for face in FACES.values():
        if face.has_form and may(user, face.rights.create):
            label = f"Create {face.kind.noun}"
            yield _Place(label, f"{face.name}_create", "plus", None, scoped=True)
    steps = {step.route: step for face in FACES.values() for step in face.then}
    for step in steps.values():
        if may(user, step.right):
            yield _Place(step.label, step.route, "pencil-square", None, scoped=True)
    yield from _permitted(_COMMANDS, user)


def _permitted(places: tuple[_Place, ...], user: Any) -> Iterator[_Place]:
    for place in places:
        if place.permission is None or may(user, place.permission):
            yield place
