"""The audit log: who did what, when, to which object, from where."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from ipaddress import ip_address
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accessctl.authorize import AnyUser, require
from accessctl.rights import Permission
from accessctl.visibility.audit import audit_seen_by
from accessctl.visibility.changes import changes_seen_by
from console.engine.proposals.preview import FieldLine
from console.faces.lists import (
    Column,
    Filter,
    ListSpec,
    contains,
    csv_response,
    equals,
    list_response,
    read_list,
    read_scope,
)
from console.faces.pages.refreshed import refreshed
from console.faces.pages.words import operations_with
from console.kinds.registry import KINDS
from console.models import OPEN_CHANGES, AuditEntry, StepState
from console.scope import Scope

_PERIODS = {"1": "Last hour", "24": "Last day", "168": "Last week", "720": "Last 30 days"}


def _within(hours: str) -> Q:
    return Q(at__gte=timezone.now() - timedelta(hours=int(hours)))


def _column(name: str) -> Callable[[AuditEntry], str]:
    return lambda entry: str(getattr(entry, name) or "")


def _change(text: str) -> Q:
    try:
        return Q(change_id_then=UUID(text))
    except ValueError:
        return Q(pk__in=[])


def _operation(text: str) -> Q:
    """Match entries whose code, or its description, contains the text."""
    return Q(action__icontains=text) | Q(action__in=operations_with(text))


def _address(text: str) -> Q:
    try:
        return Q(address=str(ip_address(text)))
    except ValueError:
        return Q(pk__in=[])


AUDIT = ListSpec(
    name="audit",
    default_sort="-at",
    tiebreak=("-id",),
    columns=[
        Column(key="at", label="Time", order=["at"], value=lambda e: e.at, descending_first=True),
        Column(key="user", label="User", order=["username"], value=_column("username")),
        Column(key="action", label="Operation", order=["action"], value=_column("action")),
        Column(key="object", label="Object", order=["target"], value=_column("target")),
        Column(key="broker", label="Broker", order=["broker_name"], value=_column("broker_name")),
        Column(key="reason", label="Reason", value=_column("reason")),
        Column(key="address", label="Address", order=["address"], value=_column("address")),
        Column(key="agent", label="Client", value=_column("user_agent"), shown=False),
        Column(key="request", label="Request ID", value=_column("request_id"), shown=False),
        Column(key="change", label="Change", value=_column("change_id_then"), shown=False),
    ],
    filters=[
        Filter(key="search", label="Object or reason", where=contains("target", "reason")),
        Filter(key="user", label="User", where=equals("username")),
        Filter(key="action", label="Operation", where=_operation, help="Such as delete user, or its code user:delete."),
        Filter(key="period", label="Time", kind="choice", choices=_PERIODS, where=_within),
        Filter(key="change", label="Change", where=_change, control=False),
        Filter(key="address", label="Address", where=_address, control=False),
    ],
)  # fmt: skip


def _in_scope(user: AnyUser, scope: Scope) -> QuerySet[AuditEntry]:
    rows = audit_seen_by(user)
    if scope.broker is not None or scope.environment is not None:
        rows = rows.filter(broker_id_then__in=scope.brokers(user).values("pk"))
    return rows


@require_safe
@refreshed("inventory")
def audit(request: HttpRequest) -> HttpResponse:
    require(request.user, Permission.AUDIT_VIEW)
    scope, problems = read_scope(request)
    asked = read_list(AUDIT, request.GET, hidden=["broker"] if scope.broker else [])
    rows = _in_scope(request.user, scope)
    listing = asked.show(rows.none() if problems else rows)
    return list_response(
        request,
        "console/audit.html",
        "console/_audit.html",
        {"now": timezone.now(), "scope": scope, "listing": listing, "scope_problems": problems},
        [*problems, *asked.problems],
    )


@require_safe
def audit_csv(request: HttpRequest) -> HttpResponseBase:
    require(request.user, Permission.AUDIT_VIEW)
    scope, problems = read_scope(request)
    asked = read_list(AUDIT, request.GET)
    return csv_response(asked, _in_scope(request.user, scope), [*problems, *asked.problems])


@require_safe
def audit_entry(request: HttpRequest, entry_id: int) -> HttpResponse:
    require(request.user, Permission.AUDIT_VIEW)
    entry = audit_seen_by(request.user).filter(pk=min(entry_id, 2**63 - 1)).first()
    if entry is None:
        raise Http404("No such entry.")
    changes = changes_seen_by(request.user)
    change = changes.filter(pk=entry.change_id_then).first() if entry.change_id_then else None
    ended = change is not None and change.state not in OPEN_CHANGES
    context = {
        "now": timezone.now(),
        "entry": entry,
        "fields": field_lines(entry),
        "kind": KINDS[entry.target_kind].noun
        if entry.target_kind in KINDS
        else entry.target_kind.replace("_", " "),
        "change": change,
        "revertible": change is not None
        and ended
        and change.steps.filter(state=StepState.APPLIED).exists(),
    }
    return render(request, "console/audit_entry.html", context)


def field_lines(entry: AuditEntry) -> list[FieldLine]:
    """Return every field that `before` or `after` contains, changed ones first."""
    before, after = entry.before or {}, entry.after or {}
    lines = [
        FieldLine(name, before.get(name), after.get(name), secret=False)
        for name in dict.fromkeys([*before, *after])
    ]
    return sorted(lines, key=lambda line: line.before == line.after)
