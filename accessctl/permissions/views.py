"""RabbitMQ's permissions and topic permissions, as found on the brokers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_safe

from accessctl import words as kinds
from accessctl.authorize import AnyUser, may, require
from accessctl.rights import Permission
from accessctl.users.lists import PERMISSIONS, TOPIC_PERMISSIONS
from accessctl.users.selectors import (
    permission_rows,
    permissions_in_scope,
    topic_permissions_in_scope,
)
from console.brokers.observation import observe
from console.faces.lists import ListSpec, csv_response, list_response, read_list, read_scope
from console.faces.pages.refreshed import refreshed
from console.scope import Scope

InScope = Callable[[Scope, AnyUser], QuerySet[Any]]


@require_safe
@refreshed("inventory")
def permissions(request: HttpRequest) -> HttpResponse:
    return _page(request, PERMISSIONS, permissions_in_scope, "permissions")


@require_safe
@refreshed("inventory")
def topic_permissions(request: HttpRequest) -> HttpResponse:
    return _page(request, TOPIC_PERMISSIONS, topic_permissions_in_scope, "topic_permissions")


@require_safe
def permissions_csv(request: HttpRequest) -> HttpResponseBase:
    return _csv(request, PERMISSIONS, permissions_in_scope)


@require_safe
def topic_permissions_csv(request: HttpRequest) -> HttpResponseBase:
    return _csv(request, TOPIC_PERMISSIONS, topic_permissions_in_scope)


def _page(request: HttpRequest, spec: ListSpec, in_scope: InScope, kind: str) -> HttpResponse:
    require(request.user, Permission.PERMISSIONS_VIEW)
    now = timezone.now()
    scope, problems = read_scope(request)
    asked = read_list(spec, request.GET, hidden=["broker"] if scope.broker else [])
    found = in_scope(scope, request.user)
    listing = asked.show(found.none() if problems else found)
    brokers = scope.enabled_brokers(request.user)
    return list_response(
        request,
        "accessctl/permissions.html",
        "accessctl/_permissions.html",
        {
            "now": now,
            "scope": scope,
            "kind": kind,
            "may_edit": may(request.user, Permission.PERMISSIONS_EDIT),
            "listing": listing,
            "permission_rows": permission_rows(listing.rows),
            "rights": kinds.RIGHTS,
            "observed": observe(brokers, "inventory_at", now, parts=(kind,)),
            "scope_problems": problems,
        },
        [*problems, *asked.problems],
    )


def _csv(request: HttpRequest, spec: ListSpec, in_scope: InScope) -> HttpResponseBase:
    require(request.user, Permission.PERMISSIONS_VIEW)
    scope, problems = read_scope(request)
    asked = read_list(spec, request.GET)
    return csv_response(asked, in_scope(scope, request.user), [*problems, *asked.problems])
