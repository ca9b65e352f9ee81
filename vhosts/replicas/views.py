"""The page of a queue's members, and the pages that add and remove one."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from accessctl.authorize import may
from accessctl.rights import Permission
from console.engine.acts.request import RequestedAct
from console.engine.supported import facts_of_version
from console.errors import InvalidField
from console.faces.acts.acts import Asked, confirm
from console.kinds.cluster.kind import CHANGES_MEMBERS
from console.kinds.cluster.members import ADD_MEMBER, REMOVE_MEMBER
from console.kinds.common.kind import Ref
from console.kinds.common.shell import shell_word
from console.kinds.queue import QUEUE
from console.scope import Scope
from vhosts.authorize import access_queue
from vhosts.crumbs import crumbs
from vhosts.models import Queue
from vhosts.queues.read_now import Reading, read_queue_now

_ACTS = {act.name: act for act in (ADD_MEMBER, REMOVE_MEMBER)}
#: By queue type: the tool of RabbitMQ that changes members.
_TOOLS = {
    "quorum": ("rabbitmq-queues add_member", "rabbitmq-queues delete_member"),
    "stream": ("rabbitmq-streams add_replica", "rabbitmq-streams delete_replica"),
}


@dataclass(frozen=True, slots=True)
class Member:
    """A node of the cluster, and whether the queue has a member there. None: unknown."""

    node: str
    there: bool | None
    leads: bool
    online: bool


@require_safe
def members(request: HttpRequest, queue_id: int) -> HttpResponse:
    """Show on which nodes the queue has members; read from the broker now."""
    found = access_queue(request.user, queue_id, Permission.QUEUES_VIEW)
    now = timezone.now()
    reading = read_queue_now(found, now=now)
    facts = facts_of_version(found.broker)
    over_http = facts.version is not None and facts.at_least(CHANGES_MEMBERS)
    context = {
        "now": now,
        "scope": Scope.at(found.broker, found.vhost),
        "queue": found,
        "reading": reading,
        "rows": _rows(found, reading),
        "may_change": found.type == "quorum"
        and over_http
        and may(request.user, Permission.REPLICAS_EDIT, found.broker, found.vhost),
        "over_http": over_http,
        "since": CHANGES_MEMBERS,
        "tools": [
            f"{tool} -p {shell_word(found.vhost)} {shell_word(found.name)} NODE"
            for tool in _TOOLS.get(found.type, ())
        ],
        "crumbs": [
            *crumbs(found.broker, found.vhost),
            (found.name, reverse("queue", args=[found.pk])),
        ],
    }
    return render(request, "vhosts/members.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def change_member(request: HttpRequest, queue_id: int) -> HttpResponse:
    """Add (`act` add_member) or remove (remove_member) the member on the node `node`."""
    found = access_queue(request.user, queue_id, Permission.REPLICAS_EDIT)
    name, node = request.GET.get("act", ""), request.GET.get("node", "")
    back = reverse("queue_members", args=[found.pk])

    def ask() -> Asked:
        act = _ACTS.get(name)
        if act is None:
            raise InvalidField("act", f"act must be one of {', '.join(_ACTS)}.")
        if node not in _nodes(found):
            raise InvalidField("node", "The cluster has no node of this name.")
        ref = Ref(QUEUE.name, (found.vhost, found.name))
        requested = RequestedAct(
            broker=found.broker,
            ref=ref,
            act=act.name,
            permission=Permission.REPLICAS_EDIT,
            parameters={"node": node},
        )
        return Asked(
            title=f"{act.verb} of the {QUEUE.phrase(ref.key)} on {node}",
            acts=[requested],
            act=act.verb,
            back=back,
            danger=act.destructive,
        )

    return confirm(request, ask, back, broker=found.broker)


def _nodes(queue: Queue) -> list[str]:
    return [str(node.get("name")) for node in queue.broker.status.nodes or []]


def _rows(queue: Queue, reading: Reading) -> list[Member]:
    info = reading.now.info if reading.now is not None else None
    if info is None or not info.members:
        return [Member(node, None, leads=False, online=False) for node in _nodes(queue)]
    nodes = dict.fromkeys([*_nodes(queue), *info.members])
    return [
        Member(
            node, node in info.members, leads=node == info.node, online=node in (info.online or ())
        )
        for node in nodes
    ]
