"""RabbitMQ's users, as found on the brokers."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accessctl import words as kinds
from accessctl.authorize import may, may_somewhere, require
from accessctl.models import BrokerPermission, BrokerTopicPermission
from accessctl.rights import Permission
from accessctl.users.connections import read_connections
from accessctl.users.lists import users_for
from accessctl.users.ownership import why_not_edit_user
from accessctl.users.reach import reach_of_user
from accessctl.users.selectors import (
    access_broker_user,
    permission_rows,
    user_rows,
    users_in_scope,
    with_vhosts,
)
from console.brokers.observation import observe
from console.engine.proposals.sync_states import syncs_of
from console.faces.lists import csv_response, list_response, read_list, read_scope
from console.faces.pages.refreshed import refreshed
from console.kinds.user import USER
from console.scope import Scope

#: Permissions shown on one user's page; the whole list is a link away.
_MOST = 500
_CONNECTIONS_SHOWN = 50


@require_safe
@refreshed("inventory")
def users(request: HttpRequest) -> HttpResponse:
    require(request.user, Permission.USERS_VIEW)
    now = timezone.now()
    scope, problems = read_scope(request)
    asked = read_list(
        users_for(request.user), request.GET, hidden=["broker"] if scope.broker else []
    )
    found = users_in_scope(scope, request.user)
    listing = asked.show(found.none() if problems else found)
    brokers = scope.enabled_brokers(request.user)
    return list_response(
        request,
        "accessctl/users.html",
        "accessctl/_users.html",
        {
            "now": now,
            "scope": scope,
            "listing": listing,
            "user_rows": user_rows(listing.rows, request.user),
            "tag_meanings": kinds.TAGS,
            "syncs": syncs_of(USER.name, listing.rows),
            "may_create": may(request.user, Permission.USERS_EDIT),
            "observed": observe(brokers, "inventory_at", now, parts=("users",)),
            "scope_problems": problems,
        },
        [*problems, *asked.problems],
    )


@require_safe
def users_csv(request: HttpRequest) -> HttpResponseBase:
    require(request.user, Permission.USERS_VIEW)
    scope, problems = read_scope(request)
    asked = read_list(users_for(request.user), request.GET)
    found = with_vhosts(users_in_scope(scope, request.user), request.user)
    return csv_response(asked, found, [*problems, *asked.problems])


@require_safe
def user(request: HttpRequest, user_id: int) -> HttpResponse:
    now = timezone.now()
    found = access_broker_user(request.user, user_id, Permission.USERS_VIEW)
    of_user = {"broker": found.broker, "user": found.name}
    permissions = (
        BrokerPermission.objects.visible_to(request.user).filter(**of_user).order_by("vhost")
    )
    topics = (
        BrokerTopicPermission.objects.visible_to(request.user)
        .filter(**of_user)
        .order_by("vhost", "exchange")
    )
    context = {
        "now": now,
        "scope": Scope.at(found.broker),
        "found": found,
        "tags": [(tag, kinds.TAGS.get(tag, "")) for tag in found.tags],
        "limits": sorted(found.limits.items()),
        "permissions": permission_rows(permissions[:_MOST]),
        "topic_permissions": permission_rows(topics[:_MOST]),
        "observed": observe([found.broker], "inventory_at", now, parts=("users",)),
        "permissions_unknown": found.broker.status.why_unknown("permissions"),
        "topics_unknown": found.broker.status.why_unknown("topic_permissions"),
        "rights": kinds.RIGHTS,
        "reach": reach_of_user(found, request.user),
        "sync": syncs_of(USER.name, [found])[found.pk],
        "may_resolve": may(request.user, Permission.DRIFT_RESOLVE, found.broker),
        "may_see_connections": may_somewhere(
            request.user, Permission.CONNECTIONS_VIEW, found.broker
        ),
        "may_edit": not why_not_edit_user(request.user, found.broker, found.name),
        "may_permit": may_somewhere(request.user, Permission.PERMISSIONS_EDIT, found.broker),
        "crumbs": [(found.broker.name, reverse("broker", args=[found.broker.pk]))],
    }
    return render(request, "accessctl/user.html", context)


@require_safe
def user_connections(request: HttpRequest, user_id: int) -> HttpResponse:
    """The panel of the user's page, read fresh from the broker; `?page=` from 1."""
    now = timezone.now()
    found = access_broker_user(request.user, user_id, Permission.USERS_VIEW)
    reading = read_connections(found, viewer=request.user, now=now)
    page = Paginator(reading.items or [], _CONNECTIONS_SHOWN).get_page(request.GET.get("page"))
    context = {"now": now, "found": found, "reading": reading, "page": page}
    return render(request, "accessctl/_user_connections.html", context)
