"""The page that traces a message: which queues get it, and why."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from accessctl.authorize import require
from accessctl.rights import Permission
from console.errors import InvalidField
from console.faces.lists import read_scope, wants_part
from console.scope import Scope
from vhosts.models import Exchange, VirtualHost
from vhosts.routing.form import TYPES, RouteForm, header_rows
from vhosts.routing.rows import after_rows, seen_in, tree_rows
from vhosts.routing.service import Traced, trace_message

#: Maximum number of suggested names.
_OFFERED = 200


@require_safe
def route(request: HttpRequest) -> HttpResponse:
    """Show the form, and the answer if the query names a message; to htmx, the answer alone."""
    require(request.user, Permission.QUEUES_VIEW)
    now = timezone.now()
    scope, _ = read_scope(request)
    rows, headers = header_rows(request.GET)
    found: Traced | None = None
    problems: list[tuple[str, str]] = []
    if "exchange" in request.GET:
        form = RouteForm(request.GET, user=request.user)
        problems += [(f"Header {at}", row.error) for at, row in enumerate(rows, 1) if row.error]
        if form.is_valid() and not problems:
            try:
                found = trace_message(
                    **form.asked(), headers=headers, acting_user=request.user, now=now
                )
            except InvalidField as error:
                problems.append((_label(form, error.field), error.message))
        problems += [
            (str(form[name].label), str(errors[0])) for name, errors in form.errors.items()
        ]
    else:
        given = {"broker": scope.broker, "vhost": scope.vhost or "/"}
        form = RouteForm(initial=given, user=request.user)
    context: dict[str, Any] = {
        "now": now,
        "scope": scope,
        "form": form,
        "headers": rows,
        "header_types": TYPES,
        "problems": problems,
        **_answer(found),
    }
    if wants_part(request):
        response = render(request, "vhosts/_route.html", context)
    else:
        context |= _offers(scope, request)
        status = 400 if problems else 200
        response = render(request, "vhosts/route.html", context, status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response


def _answer(found: Traced | None) -> dict[str, Any]:
    if found is None:
        return {"traced": None}
    trace = found.trace
    seen = seen_in(trace, found.broker.pk, found.vhost)
    return {
        "traced": found,
        "trace": trace,
        "reached": [(name, seen.queues.get(name), True) for name in trace.queues]
        + [(name, seen.queues.get(name), False) for name in trace.possible],
        "tree": list(tree_rows(trace.root, seen)) if trace.root else [],
        "near": [
            (
                near,
                seen.queues.get(near.step.name) if near.step.kind == "queue" else None,
                seen.exchanges.get(near.exchange),
            )
            for near in trace.near
        ],
        "after": list(after_rows(trace.after, seen)),
    }


def _label(form: RouteForm, field: str) -> str:
    if field in form.fields:
        return str(form[field].label)
    return {"headers": "Headers", "properties": "Expiration"}.get(field, field)


def _offers(scope: Scope, request: HttpRequest) -> dict[str, list[str]]:
    brokers = scope.brokers(request.user)
    vhosts = VirtualHost.objects.visible_to(request.user).filter(broker__in=brokers)
    exchanges = (
        Exchange.objects.visible_to(request.user).filter(broker__in=brokers).exclude(name="")
    )
    if scope.vhost is not None:
        exchanges = exchanges.filter(vhost=scope.vhost)
    return {
        "vhosts": _names(vhosts),
        "exchanges": _names(exchanges),
    }


def _names(rows: Any) -> list[str]:
    return list(rows.order_by("name").values_list("name", flat=True).distinct()[:_OFFERED])
