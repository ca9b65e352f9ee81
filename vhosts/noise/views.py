"""The page of noise patterns."""

from __future__ import annotations

from collections.abc import Sequence

from django.contrib import messages
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from accessctl.authorize import access_broker, require
from accessctl.rights import Permission
from console.errors import ConsoleError
from console.faces.lists import read_scope
from console.models import Broker
from console.scope import Scope
from vhosts.models import NoisePattern, Queue
from vhosts.noise.patterns import add_pattern, may_change, remove_pattern, seen_by

_MOST_SHOWN = 200


@require_http_methods(["GET", "HEAD", "POST"])
def noise(request: HttpRequest) -> HttpResponse:
    """Show the patterns in scope; POST adds one."""
    require(request.user, Permission.QUEUES_VIEW)
    scope, problems = read_scope(request)
    typed = {
        "pattern": request.POST.get("pattern", request.GET.get("pattern", ""))[:300],
        "reason": request.POST.get("reason", "").replace("\0", "")[:500],
    }
    error, status = "", 400 if problems else 200
    if request.method == "POST":
        require(request.user, Permission.BROKERS_EDIT)
        try:
            broker = _chosen(request)
            made = add_pattern(
                typed["pattern"],
                broker,
                typed["reason"],
                acting_user=request.user,
                now=timezone.now(),
            )
        except ConsoleError as refused:
            error, status = refused.message, refused.http_status
        else:
            messages.success(request, f"{made.pattern} is noise from now on.")
            return redirect(reverse("noise") + scope.query())
    patterns = seen_by(request.user)
    if scope.broker is not None:
        patterns = patterns.filter(broker__in=[scope.broker.pk]) | patterns.filter(broker=None)
    kept_out = Queue.objects.visible_to(request.user).present().filter(noise=True)
    kept_out = kept_out.filter(broker__in=scope.brokers(request.user))
    rows = list(patterns.order_by("pattern", "pk")[:_MOST_SHOWN])
    matched = _matched(rows, kept_out)
    for row in rows:
        row.matched = matched[row.pk]  # type: ignore[attr-defined]
        row.removable = may_change(request.user, row.broker)  # type: ignore[attr-defined]
    context = {
        "now": timezone.now(),
        "scope": scope,
        "scope_problems": problems,
        "patterns": rows,
        "kept_out": kept_out.count(),
        "typed": typed,
        "error": error,
        "may_add": may_change(request.user, scope.broker),
    }
    return render(request, "vhosts/noise.html", context, status=status)


@require_POST
def noise_remove(request: HttpRequest, pattern_id: int) -> HttpResponse:
    require(request.user, Permission.BROKERS_EDIT)
    remove_pattern(pattern_id, acting_user=request.user, now=timezone.now())
    messages.success(request, "The pattern is removed; its queues are listed again.")
    return redirect(reverse("noise") + Scope.read(request.GET, request.user).query())


def _chosen(request: HttpRequest) -> Broker | None:
    text = request.POST.get("on", "")
    if not text:
        return None
    pk = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
    return access_broker(request.user, pk, Permission.BROKERS_EDIT)


def _matched(rows: Sequence[NoisePattern], kept_out: QuerySet[Queue]) -> dict[int, int]:
    """Return how many of the queues each pattern matches, by its ID. One query."""
    counts = {
        str(row.pk): Count(
            "pk", Q(name__glob=row.pattern) & (Q(broker=row.broker_id) if row.broker_id else Q())
        )
        for row in rows
    }
    found = kept_out.order_by().aggregate(**counts) if counts else {}
    return {int(pk): number for pk, number in found.items()}
