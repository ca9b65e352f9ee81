"""One queue: its page, its chart's data, and the parts read live from the broker."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accessctl.authorize import may
from accessctl.rights import Permission
from console.errors import InvalidField
from console.faces.lists import Column, stream_csv
from console.faces.objects.last_changes import last_changes
from console.kinds.queue import QUEUE
from console.scope import Scope
from vhosts.alerts.pages.incidents import last_alerts
from vhosts.authorize import access_queue
from vhosts.bindings.panel import bind_links
from vhosts.crumbs import crumbs
from vhosts.history import read as history
from vhosts.history.ranges import RANGES, TimeRange, read_range
from vhosts.models import Queue
from vhosts.policies import in_force
from vhosts.queues import arguments as kinds
from vhosts.queues.commands import queue_commands
from vhosts.queues.health.page import verdict_of
from vhosts.queues.outages import outage_of
from vhosts.queues.read_now import Reading, read_queue_bindings, read_queue_now
from vhosts.selectors import queue_row, vhost_of
from vhosts.topology.panel import references_panel

HISTORY_COLUMNS = [
    Column(key="at", label="Time", value=lambda p: p.at),
    Column(key="ready", label="Ready", value=lambda p: p.ready),
    Column(key="ready_min", label="Min ready", value=lambda p: p.ready_min),
    Column(key="ready_max", label="Max ready", value=lambda p: p.ready_max),
    Column(key="unacked", label="Unacked", value=lambda p: p.unacked),
    Column(key="unacked_min", label="Min unacked", value=lambda p: p.unacked_min),
    Column(key="unacked_max", label="Max unacked", value=lambda p: p.unacked_max),
]


@dataclass(frozen=True, slots=True)
class Governed:
    """A queue's node and policies.

    `node` is the leader's node if the queue has members. `policy` and `operator_policy` are "" if
    there is none or it is unknown. `at` is when all this was read, None if never; `fresh` if it
    was read live, not by an inventory. `unnamed` says why an empty policy name doesn't mean that
    there is no policy; "" if it does mean that.
    """

    node: str
    policy: str
    operator_policy: str
    at: datetime | None
    fresh: bool
    unnamed: str = ""


_NOT_NAMED = "A policy is in effect, but the broker doesn't report its name yet."
_STREAMS = "RabbitMQ doesn't report the operator policy of a stream."


def governed(found: Queue, reading: Reading | None = None) -> Governed:
    """Return the queue's node and policies. A live reading takes precedence over the last
    inventory."""
    if reading is not None and reading.now is not None:
        info = reading.now.info
        named = info.policy or info.operator_policy
        return Governed(
            info.node or "", info.policy or "", info.operator_policy or "", reading.at, fresh=True,
            unnamed=_NOT_NAMED if reading.now.effective_policy and not named else _unnamed(found),
        )  # fmt: skip
    at = found.broker.status.part_at("queues") if found.inventoried_at else None
    return Governed(
        found.node, found.policy, found.operator_policy, found.gone_at or at, fresh=False,
        unnamed=_unnamed(found),
    )  # fmt: skip


def _in_force(
    request: HttpRequest, found: Queue, reading: Reading | None = None
) -> in_force.Panel | None:
    """Return every setting in force. None: no inventory has seen the queue, so its arguments are
    unknown."""
    if not found.inventoried_at:
        return None
    reported = None
    if reading is not None and reading.now is not None:
        info = reading.now.info
        reported = in_force.Reported(
            info.policy or "", info.operator_policy or "", reading.now.effective_policy
        )
    may_see = may(request.user, Permission.POLICIES_VIEW, found.broker, found.vhost)
    return in_force.of_queue(found, reported=reported, names_policies=may_see)


def _unnamed(found: Queue) -> str:
    return _STREAMS if found.type == "stream" else ""


@require_safe
def queue(request: HttpRequest, queue_id: int) -> HttpResponse:
    now = timezone.now()
    found = access_queue(request.user, queue_id, Permission.QUEUES_VIEW)
    problems: list[InvalidField] = []
    try:
        shown = read_range(request.GET, now=now)
    except InvalidField as error:
        problems.append(error)
        shown = read_range({}, now=now)
    row = queue_row(found, now=now)
    context = {
        "now": now,
        "scope": Scope.at(found.broker, found.vhost),
        "queue": found,
        "row": row,
        "verdict": verdict_of(row, now=now),
        "governed": governed(found),
        "force": _in_force(request, found),
        "vhost": vhost_of(found) if may(request.user, Permission.VHOSTS_VIEW) else None,
        "range": shown,
        "ranges": [(key, label, key == shown.name) for key, (label, _) in RANGES.items()],
        "arguments": kinds.explain_arguments(found.arguments, found.type),
        "features": kinds.features(found),
        "commands": queue_commands(found),
        **references_panel(QUEUE.name, found, request.user),
        "last_changes": last_changes(
            request.user, found.broker, QUEUE.name, (found.vhost, found.name)
        ),
        **last_alerts(request.user, found.broker, found.vhost, found.name),
        "crumbs": crumbs(found.broker, found.vhost),
        "range_query": "?" + urlencode(shown.parameters()),
        "problems": problems,
        "may_edit": may(request.user, Permission.QUEUES_EDIT, found.broker, found.vhost),
        "may_purge": may(request.user, Permission.QUEUES_PURGE, found.broker, found.vhost),
        "may_publish": may(request.user, Permission.MESSAGES_PUBLISH, found.broker, found.vhost),
        "may_peek": may(request.user, Permission.MESSAGES_VIEW, found.broker, found.vhost),
    }
    return render(request, "vhosts/queue.html", context, status=400 if problems else 200)


@require_safe
def queue_now(request: HttpRequest, queue_id: int) -> HttpResponse:
    """Show the current figures; those of the last poll if the broker gives none."""
    now = timezone.now()
    found = access_queue(request.user, queue_id, Permission.QUEUES_VIEW)
    row, reading = queue_row(found, now=now), read_queue_now(found, now=now)
    context = {
        "now": now,
        "queue": found,
        "row": row,
        "reading": reading,
        "verdict": verdict_of(row, now=now, live=reading.now),
    }
    return render(request, "vhosts/_queue_now.html", context)


@require_safe
def queue_details(request: HttpRequest, queue_id: int) -> HttpResponse:
    """Show what is in force, members and consumers, from the same reading as the figures."""
    now = timezone.now()
    found = access_queue(request.user, queue_id, Permission.QUEUES_VIEW)
    reading = read_queue_now(found, now=now)
    context = {
        "now": now,
        "queue": found,
        "reading": reading,
        "governed": governed(found, reading),
        "force": _in_force(request, found, reading),
        "consumers": None if reading.now is None else reading.now.consumers,
        "may_see_connections": may(
            request.user, Permission.CONNECTIONS_VIEW, found.broker, found.vhost
        ),
    }
    return render(request, "vhosts/_queue_details.html", context)


@require_safe
def queue_bindings(request: HttpRequest, queue_id: int) -> HttpResponse:
    now = timezone.now()
    found = access_queue(request.user, queue_id, Permission.QUEUES_VIEW)
    reading = read_queue_bindings(found, now=now)
    listing = reading.bindings
    context = {
        "now": now,
        "queue": found,
        "reading": reading,
        # The binding to the default exchange, which every queue has, comes first.
        "bindings": sorted(
            listing.items if listing else [], key=lambda b: (b.source, b.routing_key)
        ),
        "outage": outage_of(found, found.broker.status),
        "rejected": len(listing.rejected) if listing else 0,
        **bind_links(request.user, found),
    }
    return render(request, "vhosts/_queue_bindings.html", context)


@require_safe
def queue_history(request: HttpRequest, queue_id: int) -> JsonResponse:
    """Return the chart's data in columns: `at` in Unix seconds; null where a value is unknown."""
    try:
        shown, read = _history(request, queue_id)
    except InvalidField as error:
        return JsonResponse({"field": error.field, "message": error.message}, status=400)
    points = read.points
    return JsonResponse(
        {
            "from": int(shown.start.timestamp()),
            "to": int(shown.end.timestamp()),
            "step_s": read.step_s,
            "source": read.source,
            "at": [int(point.at.timestamp()) for point in points],
            "ready": [point.ready for point in points],
            "unacked": [point.unacked for point in points],
        }
    )


@require_safe
def queue_history_table(request: HttpRequest, queue_id: int) -> HttpResponse:
    """Show the same data as a table, newest first."""
    try:
        shown, read = _history(request, queue_id)
    except InvalidField as error:
        return HttpResponse(error.message, status=400, content_type="text/plain; charset=utf-8")
    context: dict[str, Any] = {
        "queue_id": queue_id,
        "range": shown,
        "step_s": read.step_s,
        "points": read.points[::-1],
    }
    return render(request, "vhosts/_queue_history.html", context)


@require_safe
def queue_history_csv(request: HttpRequest, queue_id: int) -> HttpResponseBase:
    try:
        _, read = _history(request, queue_id)
    except InvalidField as error:
        return HttpResponse(error.message, status=400, content_type="text/plain; charset=utf-8")
    return stream_csv(f"queue-{queue_id}-history.csv", HISTORY_COLUMNS, read.points)


def _history(request: HttpRequest, queue_id: int) -> tuple[TimeRange, history.Series]:
    now = timezone.now()
    found = access_queue(request.user, queue_id, Permission.QUEUES_VIEW)
    shown = read_range(request.GET, now=now)
    return shown, history.series(found, start=shown.start, end=shown.end, now=now)
