"""The page of a virtual host, as observed on its broker, and its restart button."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accessctl.authorize import may
from accessctl.models import BrokerPermission, BrokerTopicPermission
from accessctl.permissions.lists import permission_rows
from accessctl.rights import Permission
from accessctl.words import RIGHTS
from console.brokers.observation import observe
from console.engine.proposals.sync_states import syncs_of
from console.errors import ConsoleError
from console.faces.face import FACES
from console.faces.objects.last_changes import last_changes
from console.kinds.binding import BINDING
from console.kinds.exchange import EXCHANGE
from console.kinds.registry import TOPIC_PERMISSION
from console.kinds.vhost import VHOST
from console.scope import Scope
from vhosts.authorize import access_vhost
from vhosts.crumbs import crumbs
from vhosts.models import Queue
from vhosts.queues import arguments as kinds
from vhosts.queues.commands import vhost_commands
from vhosts.selectors import queue_rows, vhost_figures
from vhosts.virtual_hosts.restart import restart_vhost

#: Rows of the tables on a vhost's page, which link to the full lists.
_DEEPEST = 10
_MOST = 200


@require_safe
def vhost(request: HttpRequest, vhost_id: int) -> HttpResponse:
    now = timezone.now()
    found = access_vhost(request.user, vhost_id, Permission.VHOSTS_VIEW)
    status = found.broker.status
    of_vhost = {"broker": found.broker, "vhost": found.name}
    deepest = (
        Queue.objects.present().filter(**of_vhost, total__gt=0).select_related("broker__status")
    )
    context = {
        "now": now,
        "scope": Scope.at(found.broker, found.name),
        "vhost": found,
        "figures": vhost_figures(found),
        "queues_unknown": status.why_unknown("queues"),
        "inside": [
            (
                face.kind.plural,
                face.route,
                status.counted(face.route, face.model._default_manager.filter(**of_vhost).count()),
                status.why_unknown(face.route),
            )
            for face in (FACES[EXCHANGE.name], FACES[BINDING.name])
        ],
        "limits": [
            (key, value, kinds.LIMITS.get(key, "")) for key, value in sorted(found.limits.items())
        ],
        "nodes": sorted(found.cluster_state.items()),
        "deepest": queue_rows(deepest.order_by("-total", "name")[:_DEEPEST], now=now),
        "rights": RIGHTS,
        "sync": syncs_of(VHOST.name, [found])[found.pk],
        "may_resolve": may(request.user, Permission.DRIFT_RESOLVE, found.broker, found.name),
        "may": {
            str(one).partition(":")[2]
            for one in (
                Permission.VHOSTS_EDIT,
                Permission.VHOSTS_DELETE,
                Permission.VHOSTS_RESTART,
            )
            if may(request.user, one, found.broker, found.name)
        },
        "may_listen": may(request.user, Permission.MESSAGES_VIEW, found.broker, found.name),
        "may_publish": may(request.user, Permission.MESSAGES_PUBLISH, found.broker, found.name),
        "may_permit": may(request.user, Permission.PERMISSIONS_EDIT, found.broker, found.name),
        "commands": vhost_commands(found.broker, found.name),
        "crumbs": crumbs(found.broker),
        "last_changes": last_changes(request.user, found.broker, VHOST.name, (found.name,)),
        "observed": observe([found.broker], "inventory_at", now, parts=("vhosts",)),
        "depths_stale": status.is_stale(status.depths_at, now),
    }
    if may(request.user, Permission.PERMISSIONS_VIEW, found.broker):
        permissions = BrokerPermission.objects.filter(**of_vhost).order_by("user")
        topics = BrokerTopicPermission.objects.filter(**of_vhost).order_by("user", "exchange")
        context["permissions_unknown"] = status.why_unknown("permissions")
        context["topics_unknown"] = status.why_unknown(TOPIC_PERMISSION.section.name)
        context["permissions"] = permission_rows(permissions[:_MOST])
        context["topics"] = permission_rows(topics[:_MOST])
    return render(request, "vhosts/vhost.html", context)


@require_POST
def vhost_restart(request: HttpRequest, vhost_id: int) -> HttpResponse:
    """Start it on the node `node`: one call, whose result is shown at once."""
    found = access_vhost(request.user, vhost_id, Permission.VHOSTS_RESTART)
    node = request.POST.get("node", "")
    try:
        restart_vhost(vhost=found, node=node, acting_user=request.user, now=timezone.now())
    except ConsoleError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, f"RabbitMQ restarted the virtual host {found.name} on {node}.")
    return redirect("vhost", found.pk)
