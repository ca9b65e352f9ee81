"""Unmanaged objects on the brokers, and adopting them."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accessctl.authorize import may, require
from accessctl.rights import Permission
from console.brokers.observation import observe
from console.errors import InvalidField
from console.faces.lists import (
    Column,
    Filter,
    ListSpec,
    contains,
    list_response,
    read_list,
    read_scope,
)
from console.faces.pages.words import counted
from console.faces.seen import adoptable_kinds
from console.kinds.registry import KINDS, parts_of
from console.models import Broker
from console.pages.drift import confirmed_or_shown
from console.scope import Scope
from vhosts.drift.resolve import MOST_AT_ONCE
from vhosts.drift.unmanaged import adopt_seen, key_of, unmanaged


def _spec(kind: str) -> ListSpec:
    names = KINDS[kind].identity
    return ListSpec(
        name="unmanaged",
        default_sort="object",
        tiebreak=("broker__name", "id"),
        columns=[
            Column(key="object", label="Object", order=names),
            Column(key="broker", label="Broker", order=["broker__name"]),
            Column(key="seen", label="First seen", order=["first_seen_at"], descending_first=True),
        ],
        filters=[Filter(key="search", label="Name", where=contains(*names))],
        also=("kind",),
    )


_SPECS = {kind: _spec(kind) for kind in adoptable_kinds()}


def _in_scope(request: HttpRequest, kind: str, scope: Scope) -> Any:
    rows = unmanaged(kind, request.user).filter(broker__in=scope.brokers(request.user))
    if scope.vhost is not None and (at := KINDS[kind].vhost_at) is not None:
        rows = rows.filter(**{KINDS[kind].identity[at]: scope.vhost})
    return rows.select_related("broker__status")


@require_safe
def unmanaged_objects(request: HttpRequest) -> HttpResponse:
    require(request.user, Permission.DRIFT_VIEW)
    now = timezone.now()
    scope, problems = read_scope(request)
    kind = request.GET.get("kind") or adoptable_kinds()[0]
    if kind not in adoptable_kinds():
        problems = [
            *problems,
            InvalidField("kind", f"Unknown kind. Use one of {', '.join(adoptable_kinds())}."),
        ]
        kind = adoptable_kinds()[0]
    asked = read_list(_SPECS[kind], request.GET, hidden=["broker"] if scope.broker else [])
    found = _in_scope(request, kind, scope)
    listing = asked.show(found.none() if problems else found)
    context = {
        "now": now,
        "scope": scope,
        "listing": listing,
        "object_rows": [(row, parts_of(kind, key_of(kind, row))) for row in listing.rows],
        "kind": kind,
        "kinds": [(one, KINDS[one].plural.capitalize()) for one in adoptable_kinds()],
        "may_resolve": may(request.user, Permission.DRIFT_RESOLVE),
        "most": MOST_AT_ONCE,
        "observed": observe(scope.enabled_brokers(request.user), "inventory_at", now),
        "scope_problems": problems,
    }
    return list_response(
        request,
        "console/unmanaged.html",
        "console/_unmanaged.html",
        context,
        [*problems, *asked.problems],
    )


@require_POST
def unmanaged_adopt(request: HttpRequest) -> HttpResponse:
    """Show what adopting would do; do it if that was confirmed.

    `ids` are rows of the list, repeated or separated by commas; `all` takes all rows that match the
    list's address instead.
    """
    require(request.user, Permission.DRIFT_RESOLVE)
    kind = request.POST.get("kind", "")
    found = unmanaged(kind, request.user).select_related("broker__status")
    if request.POST.get("all") == "yes":
        found = _matching(request, kind)
    else:
        texts = ",".join(request.POST.getlist("ids")).split(",")
        ids = [int(text) for text in texts if text.isascii() and text.isdecimal()]
        found = found.filter(pk__in=[pk for pk in ids if pk < 2**63])
    rows = list(found.order_by("pk")[: MOST_AT_ONCE + 1])
    if len(rows) == 1:
        name = " / ".join(key_of(kind, rows[0]))
        title = f"Adopt the {KINDS[kind].noun} {name} on {rows[0].broker.name}"
    else:
        brokers: dict[int, Broker] = {row.broker_id: row.broker for row in rows}
        where = (
            next(iter(brokers.values())).name if len(brokers) == 1 else f"{len(brokers)} brokers"
        )
        title = f"Adopt {counted(len(rows), 'object')} on {where}: {KINDS[kind].plural}"
    fields = [("kind", kind), ("ids", ",".join(str(row.pk) for row in rows))]
    return confirmed_or_shown(
        request,
        lambda: adopt_seen(kind, rows, acting_user=request.user),
        title,
        fields,
        f"Adopt {counted(len(rows), 'object')}",
        back="unmanaged",
    )


def _matching(request: HttpRequest, kind: str) -> Any:
    scope, problems = read_scope(request)
    asked = read_list(_SPECS[kind], request.GET)
    if problems or asked.problems:
        raise (*problems, *asked.problems)[0]
    return asked.filtered(_in_scope(request, kind, scope))
