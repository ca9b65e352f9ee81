"""Pages that explain access: whether a RabbitMQ user may do something, and what decides it."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accessctl.authorize import access_broker, require
from accessctl.explain import ACTS
from accessctl.models import BrokerUser
from accessctl.rights import Permission
from console.errors import InvalidField
from console.faces.lists import read_scope
from console.scope import Scope
from vhosts.explain_access.form import ExplainForm
from vhosts.explain_access.pattern_preview import preview_pattern
from vhosts.explain_access.service import Explained, explain_access
from vhosts.models import VirtualHost

#: Maximum number of suggested names.
_OFFERED = 200


@require_safe
def explain(request: HttpRequest) -> HttpResponse:
    require(request.user, Permission.EXPLAIN_USE)
    now = timezone.now()
    scope, _ = read_scope(request)
    found: Explained | None = None
    if "user" in request.GET:
        form = ExplainForm(request.GET, user=request.user)
        if form.is_valid():
            try:
                found = explain_access(**form.asked(), acting_user=request.user, now=now)
            except InvalidField as error:
                form.add_error(error.field, error.message)
    else:
        given = {"broker": scope.broker, "vhost": scope.vhost or "/"}
        form = ExplainForm(initial=given, user=request.user)
    words = ACTS[found.question.act] if found else None
    context = {
        "now": now,
        "scope": scope,
        "form": form,
        "explained": found,
        "words": words,
        "empty_target": "(named by the server)"
        if words and words.target == "queue"
        else "(default exchange)",
        "users": _offered(BrokerUser, scope, request),
        "vhosts": _offered(VirtualHost, scope, request),
    }
    return render(request, "vhosts/explain.html", context, status=400 if form.errors else 200)


@require_safe
def pattern(request: HttpRequest, broker_id: int) -> HttpResponse:
    """Show what a pattern (`?pattern=&vhost=`, `&topic=1`) means and matches, next to its field."""
    broker = access_broker(request.user, broker_id, Permission.BROKERS_VIEW)
    context = {
        "now": timezone.now(),
        "preview": preview_pattern(
            broker=broker,
            vhost=request.GET.get("vhost", "/").replace("\0", ""),
            pattern=request.GET.get("pattern", ""),
            topic=bool(request.GET.get("topic")),
            acting_user=request.user,
        ),
    }
    return render(request, "vhosts/_pattern_preview.html", context)


def _offered(
    model: type[BrokerUser | VirtualHost], scope: Scope, request: HttpRequest
) -> list[str]:
    seen = model.objects.visible_to(request.user).filter(broker__in=scope.brokers(request.user))
    names = seen.order_by("name").values_list("name", flat=True).distinct()
    return list(names[:_OFFERED])
