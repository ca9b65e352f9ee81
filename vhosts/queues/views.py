"""The list of queues."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_safe

from accessctl.authorize import may, require
from accessctl.rights import Permission
from console.brokers.observation import observe
from console.faces.face import FACES
from console.faces.lists import csv_response, list_response, read_list, read_scope
from console.faces.operations.pages import bulk_for
from console.faces.pages.refreshed import refreshed
from console.kinds.queue import QUEUE
from vhosts.lists import GONE, QUEUES
from vhosts.queues.links import condition_links, linked
from vhosts.selectors import QUEUE_TOTALS, listed, queue_facets, queue_rows, queues_in_scope


@require_safe
@refreshed("polls")
def queues(request: HttpRequest) -> HttpResponse:
    require(request.user, Permission.QUEUES_VIEW)
    now = timezone.now()
    scope, problems = read_scope(request)
    asked = read_list(QUEUES, request.GET, hidden=["broker"] if scope.broker else [])
    found = queues_in_scope(scope, request.user)
    if problems:
        found = found.none()
    facets = queue_facets(found, noise=bool(asked.values.get("noise")))
    gone = facets["state"].get(GONE, 0)
    total = gone if asked.values.get("state") == GONE else sum(facets["type"].values())
    listing = asked.show(listed(found, asked), totals=QUEUE_TOTALS, total=total, facets=facets)
    brokers = scope.enabled_brokers(request.user)
    return list_response(
        request,
        "vhosts/queues.html",
        "vhosts/_queues.html",
        {
            "now": now,
            "scope": scope,
            "listing": listing,
            "conditions": condition_links(asked, facets["condition"]),
            "queue_rows": linked(queue_rows(listing.rows, now=now, sparks="change" in asked.shown)),
            "scope_problems": problems,
            "noise": facets["noise"].get("1", 0),
            "is_noise": bool(asked.values.get("noise")),
            "bulk": bulk_for(FACES[QUEUE.name], request.user),
            "face": FACES[QUEUE.name],
            "may_create": may(request.user, Permission.QUEUES_EDIT),
            "observed": observe(brokers, "depths_at", now, parts=("queues",)),
        },
        [*problems, *asked.problems],
    )


@require_safe
def queues_csv(request: HttpRequest) -> HttpResponseBase:
    require(request.user, Permission.QUEUES_VIEW)
    scope, problems = read_scope(request)
    asked = read_list(QUEUES, request.GET, hidden=["broker"] if scope.broker else [])
    found = listed(queues_in_scope(scope, request.user), asked)
    return csv_response(asked, found, [*problems, *asked.problems])
