"""The list of incidents, and the page of one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import Case, Count, IntegerField, Q, QuerySet, Value, When
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accessctl.authorize import AnyUser, may, require
from accessctl.reach import reach_of
from accessctl.rights import Permission
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
from console.models import Broker
from console.scope import Scope
from vhosts.alerts.pages.tabs import tabs
from vhosts.alerts.pages.visible import visible_messages
from vhosts.alerts.tables.choices import IncidentState, Severity, SubjectKind
from vhosts.models import AlertDelivery, AlertIncident, Queue

OPEN = Q(resolved_at=None)
#: What wants somebody: it fires and nobody has taken it, or it can't be seen.
UNTAKEN = (IncidentState.FIRING, IncidentState.NO_DATA)
_STATES = {"open": "Open", **dict(IncidentState.choices)}
#: The most events and messages on the page of an incident.
_MOST = 200


def _rank(field: str, order: list[str]) -> Case:
    return Case(
        *(When(**{field: one}, then=Value(n)) for n, one in enumerate(order)),
        output_field=IntegerField(),
    )


_HARM = _rank("severity", [Severity.CRITICAL, Severity.WARNING, Severity.INFO])
_URGENCY = _rank("state", [
    IncidentState.FIRING, IncidentState.NO_DATA, IncidentState.ACKNOWLEDGED, IncidentState.SNOOZED,
    IncidentState.PENDING, IncidentState.RESOLVED,
])  # fmt: skip


def _state_is(text: str) -> Q:
    return OPEN if text == "open" else Q(state=text)


INCIDENTS = ListSpec(
    name="alerts",
    default_sort="state",
    tiebreak=("-id",),
    columns=[
        Column(key="alert", label="Alert", order=["rule_name", "name"], value=lambda i: i.rule_name),
        Column(key="subject", label="Object", order=["vhost", "name"], value=lambda i: i.name or i.vhost),
        Column(key="kind", label="Kind", value=lambda i: i.subject_kind, shown=False),
        Column(key="state", label="State", order=[_URGENCY, _HARM, "since"], value=lambda i: i.state),
        Column(key="severity", label="Severity", order=[_HARM], value=lambda i: i.severity),
        Column(key="broker", label="Broker", order=["broker__name"], value=lambda i: i.broker.name if i.broker else ""),
        Column(key="since", label="Since", order=["since"], value=lambda i: i.since, descending_first=True),
        Column(key="detail", label="Evidence", value=lambda i: i.detail),
        Column(key="resolved", label="Resolved", order=["resolved_at"], value=lambda i: i.resolved_at, shown=False),
        Column(key="owner", label="Owner", order=["owner__name"], value=lambda i: i.owner.name if i.owner else ""),
        Column(key="taken", label="Acknowledged by", value=lambda i: i.acknowledged_by, shown=False),
    ],
    filters=[
        Filter(key="search", label="Alert or object", where=contains("rule_name", "name", "vhost", "detail")),
        Filter(key="state", label="State", kind="choice", choices=_STATES, where=_state_is),
        Filter(key="severity", label="Severity", kind="choice", choices=dict(Severity.choices), where=equals("severity")),
        Filter(key="kind", label="Kind", kind="choice", choices=dict(SubjectKind.choices), where=equals("subject_kind"), control=False),
        Filter(key="rule", label="Rule", where=lambda text: Q(rule_id=int(text)) if text.isdecimal() and len(text) < 10 else Q(pk__in=[]), control=False),
        Filter(key="owner", label="Owner", where=equals("owner__name"), control=False),
        Filter(key="name", label="Object", where=equals("name"), control=False),
    ],
)  # fmt: skip


def visible_incidents(
    user: AnyUser, right: Permission = Permission.ALERTS_VIEW
) -> QuerySet[AlertIncident]:
    """Return the incidents on whose objects the user has the right. Alerts of nodes and of the whole broker
    need a grant on all its virtual hosts, those of the console one on all brokers."""
    found = AlertIncident.objects.filter(reach_of(user).objects(right))
    return found.select_related("broker", "rule", "owner")


def in_scope(scope: Scope, user: AnyUser) -> QuerySet[AlertIncident]:
    rows = visible_incidents(user)
    if scope.broker is not None or scope.environment is not None:
        rows = rows.filter(broker__in=scope.brokers(user))
    if scope.vhost is not None:
        rows = rows.filter(vhost=scope.vhost)
    return rows


def firing_count(user: AnyUser) -> int:
    """Return the number in the navigation: what fires or can't be seen, and nobody has taken."""
    if not may(user, Permission.ALERTS_VIEW):
        return 0
    return visible_incidents(user).filter(OPEN, state__in=UNTAKEN).count()


@require_safe
@refreshed("polls")
def alerts(request: HttpRequest) -> HttpResponse:
    require(request.user, Permission.ALERTS_VIEW)
    now = timezone.now()
    scope, problems = read_scope(request)
    asked = read_list(INCIDENTS, request.GET, hidden=["broker"] if scope.broker else [])
    rows = in_scope(scope, request.user)
    counts = rows.aggregate(
        critical=Count("pk", filter=OPEN & Q(state__in=UNTAKEN, severity=Severity.CRITICAL)),
        warning=Count("pk", filter=OPEN & Q(state__in=UNTAKEN) & ~Q(severity=Severity.CRITICAL)),
        taken=Count(
            "pk", filter=OPEN & Q(state__in=[IncidentState.ACKNOWLEDGED, IncidentState.SNOOZED])
        ),
        pending=Count("pk", filter=OPEN & Q(state=IncidentState.PENDING)),
    )
    # Without a state chosen, what is open comes first and what is over stays in its own filter.
    shown = rows if "state" in asked.values or not _is_default(request) else rows.filter(OPEN)
    context = {
        "now": now,
        "scope": scope,
        "listing": asked.show(shown.none() if problems else shown),
        "counts": counts,
        "tabs": tabs(request.user),
        "bulk": _bulk() if may(request.user, Permission.ALERTS_ACKNOWLEDGE) else [],
        "scope_problems": problems,
    }
    return list_response(
        request,
        "vhosts/alerts/alerts.html",
        "vhosts/alerts/_alerts.html",
        context,
        [*problems, *asked.problems],
    )


def _is_default(request: HttpRequest) -> bool:
    """Return whether no filter is set that names an object, whose history is wanted."""
    return not ({"name", "rule", "search"} & set(request.GET))


@require_safe
def alerts_csv(request: HttpRequest) -> HttpResponseBase:
    require(request.user, Permission.ALERTS_VIEW)
    scope, problems = read_scope(request)
    asked = read_list(INCIDENTS, request.GET)
    return csv_response(asked, in_scope(scope, request.user), [*problems, *asked.problems])


@require_safe
def alert(request: HttpRequest, incident_id: int) -> HttpResponse:
    require(request.user, Permission.ALERTS_VIEW)
    incident = visible_incidents(request.user).filter(pk=min(incident_id, 2**63 - 1)).first()
    if incident is None:
        raise Http404("No such alert.")
    deliveries = AlertDelivery.objects.filter(notification__incidents=incident).select_related(
        "notification"
    )
    # A message may name other alerts, whose objects the user may not see.
    readable = visible_messages(request.user).filter(incidents=incident)
    context = {
        "now": timezone.now(),
        "scope": Scope.at(incident.broker, incident.vhost or None) if incident.broker else Scope(),
        "incident": incident,
        "queue": _queue_of(request.user, incident),
        "chart_query": _around(incident),
        "events": incident.events.select_related("window").order_by("-id")[:_MOST],
        "deliveries": deliveries[:_MOST],
        "readable": set(readable.values_list("pk", flat=True)),
        "messages_without": incident.notifications.exclude(why_unsent="")[:_MOST],
        "before": _others(request.user, incident)[:10],
        "may_acknowledge": may_on(request.user, incident),
    }
    return render(request, "vhosts/alerts/alert.html", context)


@dataclass(frozen=True, slots=True)
class _Act:
    """A button of the selection bar."""

    verb: str
    danger: bool = False


def _bulk() -> list[tuple[_Act, str]]:
    return [
        (_Act("Snooze"), reverse("alerts_snooze")),
        (_Act("Acknowledge"), reverse("alerts_acknowledge")),
    ]


def _around(incident: AlertIncident) -> str:
    """Return the range of the chart: from an hour before it held to half an hour after it ended."""
    end = min(timezone.now(), (incident.resolved_at or timezone.now()) + timedelta(minutes=30))
    start = incident.since - timedelta(hours=1)
    return "?" + urlencode(
        {"from": start.isoformat(timespec="seconds"), "to": end.isoformat(timespec="seconds")}
    )


def may_on(user: AnyUser, incident: AlertIncident) -> bool:
    """Return whether the user may acknowledge the incident."""
    return visible_incidents(user, Permission.ALERTS_ACKNOWLEDGE).filter(pk=incident.pk).exists()


def _queue_of(user: AnyUser, incident: AlertIncident) -> Any:
    if incident.subject_kind != SubjectKind.QUEUE or incident.broker is None:
        return None
    if not may(user, Permission.QUEUES_VIEW, incident.broker, incident.vhost):
        return None
    return (
        Queue.objects.filter(broker=incident.broker, vhost=incident.vhost, name=incident.name)
        .order_by("-id")
        .first()
    )


def _others(user: AnyUser, incident: AlertIncident) -> QuerySet[AlertIncident]:
    """Return earlier and later incidents of the same object, newest first."""
    return (
        visible_incidents(user)
        .filter(
            broker=incident.broker,
            subject_kind=incident.subject_kind,
            vhost=incident.vhost,
            name=incident.name,
        )
        .exclude(pk=incident.pk)
    )


def last_alerts(user: AnyUser, broker: Broker, vhost: str = "", name: str = "") -> dict[str, Any]:
    """Return the context of the panel of an object's last alerts: of a queue, or of all of a broker."""
    query = {"broker": str(broker.pk)}
    if not may(user, Permission.ALERTS_VIEW, broker, vhost or None):
        return {"last_alerts": []}
    rows = visible_incidents(user).filter(broker=broker).exclude(state=IncidentState.PENDING)
    if name:
        rows = rows.filter(subject_kind=SubjectKind.QUEUE, vhost=vhost, name=name)
        query |= {"vhost": vhost, "name": name}
    return {
        "last_alerts": list(rows.order_by("-id")[:10]),
        "last_alerts_query": f"?{urlencode(query)}",
    }
