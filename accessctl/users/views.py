"""Pages of RabbitMQ users, as last observed on the brokers."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accessctl import words as kinds
from accessctl.authorize import may, may_somewhere
from accessctl.models import BrokerPermission, BrokerTopicPermission
from accessctl.permissions.lists import permission_rows
from accessctl.rights import Permission
from accessctl.users.access.ownership import why_not_edit_user
from accessctl.users.access.reach import reach_of_user
from accessctl.users.connections import read_connections
from accessctl.users.selectors import access_broker_user
from console.brokers.observation import observe
from console.engine.proposals.sync_states import syncs_of
from console.faces.objects.last_changes import last_changes
from console.kinds.registry import TOPIC_PERMISSION
from console.kinds.user import USER
from console.scope import Scope

#: Permissions shown on a user's page; it links to the full list.
_MOST = 500
_CONNECTIONS_SHOWN = 50


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
        "last_changes": last_changes(request.user, found.broker, USER.name, (found.name,)),
        "now": now,
        "scope": Scope.at(found.broker),
        "found": found,
        "tags": [(tag, kinds.TAGS.get(tag, "")) for tag in found.tags],
        "limits": sorted(found.limits.items()),
        "permissions": permission_rows(permissions[:_MOST]),
        "topics": permission_rows(topics[:_MOST]),
        "observed": observe([found.broker], "inventory_at", now, parts=("users",)),
        "permissions_unknown": found.broker.status.why_unknown("permissions"),
        "topics_unknown": found.broker.status.why_unknown(TOPIC_PERMISSION.section.name),
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
    """Show the connections panel of the user's page, read from the broker now; `?page=` starts at
    1."""
    now = timezone.now()
    found = access_broker_user(request.user, user_id, Permission.USERS_VIEW)
    reading = read_connections(found, viewer=request.user, now=now)
    page = Paginator(reading.items or [], _CONNECTIONS_SHOWN).get_page(request.GET.get("page"))
    context = {"now": now, "found": found, "reading": reading, "page": page}
    return render(request, "accessctl/_user_connections.html", context)
