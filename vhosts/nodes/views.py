"""The list of nodes, the page of one, and what it reads from the broker on request."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accessctl.authorize import may, require
from accessctl.rights import Permission
from console.brokers.observation import observe
from console.errors import InvalidField
from console.faces.lists import csv_response, list_response, read_list, read_scope, wants_part
from console.faces.pages.refreshed import refreshed
from console.kinds.common.shell import shell_word
from console.models import Broker
from console.scope import Scope
from vhosts.history.ranges import RANGES, read_range
from vhosts.models import Node, Queue
from vhosts.nodes.certificates import SOON, earliest_expiry
from vhosts.nodes.listing import LISTING, why_unknown, with_state
from vhosts.nodes.outlook import METHOD, outlooks
from vhosts.nodes.reading import read_memory, run_checks
from vhosts.nodes.series import node_series


def _in_scope(brokers: Any) -> Any:
    return with_state(Node.objects.present().filter(broker__in=brokers)).select_related(
        "broker__status"
    )


@require_safe
@refreshed("polls")
def nodes(request: HttpRequest) -> HttpResponse:
    """List the nodes of all brokers in scope. Refreshes in place."""
    require(request.user, Permission.BROKERS_VIEW)
    now = timezone.now()
    scope, problems = read_scope(request)
    asked = read_list(LISTING, request.GET, hidden=["broker"] if scope.broker else [])
    rows = _in_scope(scope.brokers(request.user))
    listing = asked.show(rows.none() if problems else rows)
    context = {
        "now": now,
        "scope": scope,
        "listing": listing,
        "node_rows": [_row(node, now) for node in listing.rows],
        "scope_problems": problems,
        "observed": observe(scope.enabled_brokers(request.user), "depths_at", now),
    }
    return list_response(
        request, "vhosts/nodes.html", "vhosts/_nodes.html", context, [*problems, *asked.problems]
    )


@require_safe
def nodes_csv(request: HttpRequest) -> HttpResponseBase:
    require(request.user, Permission.BROKERS_VIEW)
    scope, problems = read_scope(request)
    asked = read_list(LISTING, request.GET)
    return csv_response(asked, _in_scope(scope.brokers(request.user)), [*problems, *asked.problems])


def _row(node: Any, now: datetime) -> dict[str, Any]:
    expiry = earliest_expiry(node)
    return {
        "node": node,
        "unknown": why_unknown(node),
        "old": node.is_stale(now),
        "expiry": expiry,
        "expires_soon": expiry is not None and expiry - now < SOON,
    }


@require_safe
@refreshed("polls")
def node(request: HttpRequest, node_id: int) -> HttpResponse:
    """Show a node as the last poll saw it. Refreshes in place."""
    now = timezone.now()
    found = _access(request, node_id)
    problems: list[InvalidField] = []
    try:
        shown = read_range(request.GET, now=now)
    except InvalidField as error:
        problems.append(error)
        shown = read_range({}, now=now)
    details = found.details
    context = {
        **_row(found, now),
        "now": now,
        "scope": Scope.at(found.broker),
        "broker": found.broker,
        "status": found.broker.status,
        "figures": details.get("figures", {}),
        "facts": details.get("facts", {}),
        "links": details.get("links", []),
        "config_files": details.get("config_files", []),
        "log_files": details.get("log_files", []),
        "listeners": _listeners(found),
        "certificates": [_certificate(one, now) for one in found.certificates],
        "leads": Queue.objects.present()
        .visible_to(request.user)
        .filter(broker=found.broker, node=found.name)
        .exclude(type="classic")
        .count(),
        "leads_in_part": not may(request.user, Permission.QUEUES_VIEW, found.broker),
        "outlooks": outlooks(found, now),
        "method": METHOD,
        "range": shown,
        "ranges": [(key, label, key == shown.name) for key, (label, _) in RANGES.items()],
        "may_check": may(request.user, Permission.BROKERS_TEST, found.broker),
        "commands": _commands(found),
        "crumbs": [
            ("Nodes", reverse("nodes")),
            (found.broker.name, reverse("broker", args=[found.broker_id])),
        ],
        "problems": problems,
    }
    template = "vhosts/_node.html" if wants_part(request) else "vhosts/node.html"
    return render(request, template, context, status=400 if problems else 200)


def _access(
    request: HttpRequest, node_id: int, permission: Permission = Permission.BROKERS_VIEW
) -> Any:
    rows = with_state(Node.objects.visible_to(request.user)).select_related("broker__status")
    found = rows.filter(pk=node_id).first()
    if found is None:
        raise Http404("Node not found.")
    require(request.user, permission, found.broker)
    return found


def _listeners(found: Node) -> list[dict[str, Any]]:
    rows = [one for one in found.broker.status.listeners if one.get("node") == found.name]
    return sorted(rows, key=lambda one: (str(one["protocol"]), one["port"]))


def _certificate(told: dict[str, Any], now: datetime) -> dict[str, Any]:
    times: dict[str, Any] = {
        name: datetime.fromisoformat(told[name])
        for name in ("expires_at", "valid_from")
        if name in told
    }
    expires = times.get("expires_at")
    state = ""
    if expires is not None:
        state = "expired" if expires <= now else "soon" if expires - now < SOON else "good"
    return {**told, **times, "state": state}


def _commands(found: Node) -> list[tuple[str, str]]:
    name = shell_word(found.name)
    return [
        (
            f"rabbitmq-upgrade -n {name} drain",
            "Put the node into maintenance mode: it moves its leaders to other nodes, closes client connections and "
            "takes no new ones.",
        ),
        (
            f"rabbitmq-upgrade -n {name} revive",
            "End maintenance mode: the node takes clients again.",
        ),
        (
            f"rabbitmq-upgrade -n {name} await_online_quorum_plus_one",
            "Before you stop a node: wait until no quorum queue or stream would lose its majority.",
        ),
    ]


@require_safe
def node_history(request: HttpRequest, node_id: int) -> JsonResponse:
    """Return the charts' data by column: `at` in Unix seconds; null if unknown."""
    now = timezone.now()
    found = _access(request, node_id)
    try:
        shown = read_range(request.GET, now=now)
        series = node_series(found, start=shown.start, end=shown.end, now=now)
    except InvalidField as error:
        return JsonResponse({"field": error.field, "message": error.message}, status=400)
    return JsonResponse(
        {"from": int(shown.start.timestamp()), "to": int(shown.end.timestamp()), **series}
    )


@require_safe
def node_memory(request: HttpRequest, node_id: int) -> HttpResponse:
    """Show the node's memory by part; read from the broker now."""
    found = _access(request, node_id)
    now = timezone.now()
    reading = read_memory(found, now=now)
    known = sum(size for _, size in reading.found.parts) if reading.found else 0
    context = {"now": now, "reading": reading, "sum": known}
    return render(request, "vhosts/_node_memory.html", context)


@require_POST
def node_checks(request: HttpRequest, node_id: int) -> HttpResponse:
    """Run the health checks at each management URL of the node's broker, and show their results."""
    found = _access(request, node_id, Permission.BROKERS_TEST)
    broker: Broker = found.broker
    now = timezone.now()
    reading = run_checks(broker, now=now)
    reached = {one.node for one in reading.found or []}
    names = Node.objects.present().filter(broker=broker).values_list("name", flat=True)
    context = {
        "now": now,
        "reading": reading,
        "node": found,
        "unreached": [name for name in names if name not in reached] if reading.found else [],
    }
    return render(request, "vhosts/_node_checks.html", context)
