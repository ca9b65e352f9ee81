"""The page of upgrade readiness: one broker in detail, or every broker in scope in a line."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accessctl.authorize import require
from accessctl.rights import Permission
from console.errors import InvalidField
from console.faces.lists import read_scope
from vhosts.readiness.judge import judge
from vhosts.readiness.releases import TARGETS

#: Brokers judged on one page.
MOST_BROKERS = 100


@require_safe
def readiness(request: HttpRequest) -> HttpResponse:
    """Show what stands between the brokers in scope and the release series `to`."""
    require(request.user, Permission.BROKERS_VIEW)
    scope, problems = read_scope(request)
    target = request.GET.get("to", TARGETS[-1])
    if target not in TARGETS:
        problems = [
            *problems,
            InvalidField("to", f"The version must be one of {', '.join(TARGETS)}."),
        ]
        target = TARGETS[-1]
    brokers = [] if problems else list(scope.enabled_brokers(request.user))
    now = timezone.now()
    found = judge(brokers[:MOST_BROKERS], target, request.user, now)
    context = {
        "now": now,
        "scope": scope,
        "scope_problems": problems,
        "target": target,
        "targets": TARGETS,
        "found": found,
        "one": found[0] if scope.broker is not None and found else None,
        "left_out": max(0, len(brokers) - MOST_BROKERS),
    }
    return render(request, "vhosts/readiness.html", context, status=400 if problems else 200)
