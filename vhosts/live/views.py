"""The lists of connections, channels and consumers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accessctl.authorize import may, require
from accessctl.rights import Permission
from accessctl.targets import brokers_for
from console.faces.lists import csv_response, list_response, read_list
from vhosts.live.close import BULK
from vhosts.live.find import read_for, seen
from vhosts.live.lists import LISTS
from vhosts.live.rows import CHANNELS, CONNECTIONS, CONSUMERS

TABS = [("Connections", CONNECTIONS), ("Channels", CHANNELS), ("Consumers", CONSUMERS)]
_ABOUT = {
    CONNECTIONS: "Clients that are connected now.",
    CHANNELS: "Open channels: a client publishes and consumes on channels of its connection.",
    CONSUMERS: "Who takes messages from which queue now.",
}
Page = Callable[[HttpRequest], HttpResponseBase]


def list_view(what: str) -> Page:
    """Return the view of a list's page."""

    @require_safe
    def live_list(request: HttpRequest) -> HttpResponse:
        now = timezone.now()
        require(request.user, Permission.CONNECTIONS_VIEW)
        if not brokers_for(request, Permission.CONNECTIONS_VIEW):
            return redirect("fleet")
        scope, read = read_for(request, what, now)
        asked = read_list(LISTS[what], request.GET)
        bulk = []
        if what == CONNECTIONS and may(request.user, Permission.CONNECTIONS_CLOSE):
            bulk = [(BULK, reverse("connections_close"))]
        context: dict[str, Any] = {
            # The page is made after the reading, so that its age isn't negative.
            "now": timezone.now(),
            "scope": scope,
            "read": read,
            "listing": asked.show(seen(read, request.user, scope.vhost)),
            "what": what,
            "list_url": reverse(what),
            "csv_url": reverse(f"{what}_csv"),
            "about": _ABOUT[what],
            "bulk": bulk,
            "tabs": TABS,
            "in_part": not may(request.user, Permission.CONNECTIONS_VIEW, read.broker),
            "observed": {"never": [read.broker] if read.at is None else []},
        }
        return list_response(
            request, "vhosts/live_list.html", "vhosts/_live_list.html", context, [*asked.problems]
        )

    return live_list


def csv_view(what: str) -> Page:
    """Return the view of a list's export. 503 if the list is unknown: an empty file would say that
    there is nothing."""

    @require_safe
    def live_csv(request: HttpRequest) -> HttpResponseBase:
        scope, read = read_for(request, what, timezone.now())
        asked = read_list(LISTS[what], request.GET)
        if read.at is None and read.trouble is not None and not asked.problems:
            text = f"{read.trouble.sentence} {read.trouble.advice}".strip()
            return HttpResponse(f"{text}\n", status=503, content_type="text/plain; charset=utf-8")
        return csv_response(asked, seen(read, request.user, scope.vhost), [*asked.problems])

    return live_csv
