"""The page of all limits."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accessctl.authorize import may, require
from accessctl.rights import Permission
from console.brokers.observation import observe
from console.faces.lists import read_scope
from vhosts.limits.overview import MOST, nearest, read_used


@require_safe
def limits(request: HttpRequest) -> HttpResponse:
    """Show every limit in scope, the nearest to being reached first."""
    require(request.user, Permission.VHOSTS_VIEW)
    now = timezone.now()
    scope, problems = read_scope(request)
    reading = None
    if scope.broker is not None and may(request.user, Permission.CONNECTIONS_VIEW, scope.broker):
        reading = read_used(scope.broker, now=now)
    used = reading.found if reading is not None else None
    context = {
        "now": now,
        "scope": scope,
        "scope_problems": problems,
        "rows": [] if problems else nearest(scope, request.user, used),
        "reading": reading,
        "most": MOST,
        "observed": observe(
            scope.enabled_brokers(request.user), "inventory_at", now, parts=("vhosts", "users")
        ),
    }
    return render(request, "vhosts/limits.html", context, status=400 if problems else 200)
