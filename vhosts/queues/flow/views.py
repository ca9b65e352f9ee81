"""The flow strip, read live when the page has loaded and shared by everybody who looks."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accessctl.authorize import may
from accessctl.rights import Permission
from vhosts.authorize import access_queue
from vhosts.queues.flow.clients import MOST_CHANNELS, read_clients, too_many
from vhosts.queues.flow.strip import strip, width
from vhosts.queues.health.facts import facts_now, facts_of
from vhosts.queues.health.sources import sources_of
from vhosts.queues.read_now import read_queue_now


@require_safe
def queue_flow(request: HttpRequest, queue_id: int) -> HttpResponse:
    now = timezone.now()
    found = access_queue(request.user, queue_id, Permission.QUEUES_VIEW)
    context = {"now": now, "queue": found}
    reading = read_queue_now(found, now=now)
    context["reading"] = reading
    if reading.now is not None:
        clients, why_not = None, ""
        if not may(request.user, Permission.CONNECTIONS_VIEW, found.broker, found.vhost):
            why_not = "Not shown: you may not see connections (connections:view)."
        elif too_many(found.broker):
            why_not = (
                f"Not read: the broker has more than {MOST_CHANNELS:,} channels, and listing them "
                "costs it too much."
            )
        else:
            read = read_clients(found.broker, found.vhost, now=now)
            clients = read.found
            why_not = read.trouble.sentence if read.trouble else ""
        facts = facts_now(facts_of(found, now=now), reading.now)
        sources = sources_of(found, found.broker.status)
        shown = strip(facts, reading.now, sources, clients, why_not)
        context |= {
            "strip": shown,
            "sources": sources,
            "width_in": width(shown.publish),
            "width_out": width(shown.leave),
        }
    return render(request, "vhosts/_queue_flow.html", context)
