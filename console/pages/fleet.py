"""Fleet: what needs attention, and every broker in scope as tiles or as a table, the worst first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from accessctl.authorize import may, require
from accessctl.rights import Permission
from console.background.job_runs import in_trouble, read_jobs
from console.brokers.impairments import impairment_in_words
from console.faces.lists import (
    MAX_PAGE_SIZE,
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
from console.models import Broker, Environment
from console.models.broker_states import ANSWERING, TROUBLED
from console.models.brokers import BrokerQuerySet
from console.pages.attention.collect import Attention, collect
from console.pages.on_call import density
from console.pages.on_call.feed import last_changes
from console.pages.on_call.tiles import TileGroup, tile_groups
from console.pages.on_call.trend import trends
from console.rabbitmq.advice import advice_for

STATES = {
    "reachable": "Reachable",
    "failing": "Failing",
    "partitioned": "Partitioned",
    "node_down": "Node down",
    "restricted": "Restricted",
    "draining": "Draining",
    "slow": "Slow",
    "refused": "Refused",
    "unreachable": "Unreachable",
    "stale": "Stale",
    "new": "Not polled yet",
    "disabled": "Disabled",
}


def _status(name: str) -> Callable[[Broker], Any]:
    return lambda broker: getattr(broker.status, name)


def _figure(key: str, label: str, column: str, help: str = "") -> Column:  # noqa: A002
    return Column(
        key=key,
        label=label,
        order=[f"status__{column}"],
        value=_status(column),
        align="end",
        descending_first=True,
        help=help,
    )


FLEET = ListSpec(
    name="fleet",
    columns=[
        Column(key="name", label="Broker", order=["name"], value=lambda b: b.name),
        Column(
            key="state", label="State", order=["attention"], value=lambda b: STATES[b.shown],
            help="Needs attention first.",
        ),
        Column(key="environment", label="Environment", order=["environment"], value=lambda b: b.environment, shown=False),
        Column(key="version", label="Version", order=["status__rabbitmq_version"], value=_status("rabbitmq_version")),
        Column(
            key="nodes", label="Nodes", align="end",
            value=lambda b: b.status.running_nodes(), help="Running nodes of all cluster nodes.",
        ),
        _figure("queues", "Queues", "queues"),
        _figure("connections", "Connections", "connections"),
        _figure("ready", "Ready", "messages_ready", "Messages waiting to be delivered."),
        _figure("unacked", "Unacked", "messages_unacked", "Messages delivered, not yet acknowledged."),
        _figure("publish", "Publish/s", "publish_rate", "Messages published per second."),
        _figure("deliver", "Deliver/s", "deliver_rate", "Messages delivered or fetched per second."),
        Column(
            key="alarms", label="Alarms",
            value=lambda b: None if b.status.alarms is None else "; ".join(map(str, b.status.alarms)),
        ),
        Column(key="seen", label="Read", order=["status__answered_at"], value=_status("answered_at"),
               descending_first=True, help="When these figures were read from the broker."),
        Column(key="url", label="Management URL", order=["management_url"], value=lambda b: b.management_url, shown=False),
    ],
    filters=[
        Filter(key="search", label="Name or address", where=contains("name", "management_url")),
        Filter(key="environment", label="Environment", where=equals("environment"), kind="choice",
               choices=dict(Environment.choices)),
        Filter(key="state", label="State", where=equals("shown"), kind="choice", choices=STATES),
    ],
    default_sort="state",
    tiebreak=["name", "id"],
    also=("view", "wall"),
)  # fmt: skip

_SUMMED = {
    "queues": "queues",
    "connections": "connections",
    "ready": "messages_ready",
    "unacked": "messages_unacked",
    "publish": "publish_rate",
    "deliver": "deliver_rate",
}


def _totals(brokers: Sequence[Broker]) -> dict[str, Any]:
    """Return the sums of known figures (None if none is known), each with the number of brokers for
    which it's unknown, and how many brokers are in which state. The brokers have their shown state."""
    totals: dict[str, Any] = {}
    for name, column in _SUMMED.items():
        figures = [getattr(broker.status, column) for broker in brokers]
        known = [figure for figure in figures if figure is not None]
        totals[name] = sum(known) if known else None
        totals[f"{name}_unknown"] = len(figures) - len(known)
    shown: list[Any] = list(brokers)
    return {
        **totals,
        "old": sum(one.shown not in ANSWERING for one in shown),
        "troubled": sum(one.attention <= TROUBLED for one in shown),
        "unpolled": sum(one.shown == "new" for one in shown),
    }


@dataclass(frozen=True, slots=True)
class FleetRow:
    """A broker with its states as of `now`. `unknown` is why a figure may be missing."""

    broker: Broker
    state: str
    vitals_old: bool
    depths_old: bool
    unknown: str
    advice: str
    #: What is wrong although the broker answers, and what to do; "" if nothing is.
    impaired: str

    @property
    def is_down(self) -> bool:
        return self.state in ("refused", "unreachable")


def fleet_row(broker: Broker, now: datetime) -> FleetRow:
    status = broker.status
    state = status.shown_state(now)
    return FleetRow(
        broker=broker,
        state=state,
        vitals_old=status.is_stale(status.vitals_at, now),
        depths_old=status.is_stale(status.depths_at, now),
        unknown=_WHY_UNKNOWN.get(state, "Not reported by the broker."),
        advice=advice_for(status.error_code) if status.error_code else "",
        impaired=impairment_in_words(status, state),
    )


_WHY_UNKNOWN = {
    "new": "This broker has not been polled yet.",
    "refused": "The broker refused the connection.",
    "unreachable": "The broker can’t be reached.",
    "stale": "No recent poll has finished.",
    "disabled": "Polling of this broker is disabled.",
}


@require_safe
# Not personal: the address of the part names the density, which is all of it that is a choice.
@refreshed("polls")
def fleet(request: HttpRequest) -> HttpResponse:
    require(request.user, Permission.BROKERS_VIEW)
    now = timezone.now()
    scope, problems = read_scope(request)
    asked = read_list(FLEET, request.GET)
    rows = _rows(scope.brokers(request.user), now)
    if problems:
        rows = rows.none()
    wall = request.GET.get("wall") == "1"
    brokers = list(asked.ordered(rows))
    view = density.COMPACT if wall else density.chosen(request, len(brokers))
    if view != density.TABLE:
        asked = replace(asked, page_size=MAX_PAGE_SIZE, page=1)
    listing = asked.show_loaded(rows, brokers, totals=_totals)
    attention = collect(request.user, brokers, now)
    context = {
        "now": now,
        "scope": scope,
        "listing": listing,
        "figures": _figures(listing.totals, listing.matched),
        "may_add": may(request.user, Permission.BROKERS_ADD),
        "troubles": in_trouble(read_jobs(now)),
        "scope_problems": problems,
        "view": view,
        "views": density.LABELS.items(),
        "wall": wall,
        "brokers": brokers,
        **_shown_attention(attention, wall),
    }
    if view == density.TABLE:
        context["rows"] = [fleet_row(broker, now) for broker in listing.rows]
    else:
        context["groups"] = _tiles(listing.rows, attention, now)
    if not wall and may(request.user, Permission.CHANGES_VIEW):
        context["last_changes"] = last_changes(request.user, brokers if scope.query() else None)
    page = "console/wall.html" if wall else "console/fleet.html"
    return list_response(
        request, page, "console/_fleet.html", context, [*problems, *asked.problems]
    )


#: How many items are shown before the others are behind "more": tiles stay in view below them.
_SHOWN, _SHOWN_ON_WALL = 3, 5


def _shown_attention(attention: Attention, wall: bool) -> dict[str, Any]:
    shown = _SHOWN_ON_WALL if wall else _SHOWN
    if not wall and len(attention.items) == shown + 1:
        shown += 1
    return {
        "attention": attention,
        "attention_first": attention.groups(0, shown),
        "attention_more": attention.groups(shown),
        "attention_rest": attention.rest(shown),
        "attention_all": attention.rest(0),
    }


def _tiles(brokers: Sequence[Broker], attention: Attention, now: datetime) -> list[TileGroup]:
    return tile_groups(brokers, trends(brokers, now), attention, now, _WHY_UNKNOWN)


@require_POST
def fleet_density(request: HttpRequest) -> HttpResponse:
    """Keep how dense the person wants Fleet, and show it so."""
    require(request.user, Permission.BROKERS_VIEW)
    density.keep(request.user, request.POST.get("density", ""))
    query = request.GET.copy()
    query.pop("view", None)
    text = query.urlencode()
    return redirect(f"{reverse('fleet')}?{text}" if text else reverse("fleet"))


@require_safe
def fleet_csv(request: HttpRequest) -> HttpResponseBase:
    require(request.user, Permission.BROKERS_VIEW)
    scope, problems = read_scope(request)
    asked = read_list(FLEET, request.GET)
    rows = _rows(scope.brokers(request.user), timezone.now())
    return csv_response(asked, rows, [*problems, *asked.problems])


def _rows(brokers: BrokerQuerySet, now: datetime) -> BrokerQuerySet:
    return brokers.select_related("status").with_shown_state(now)


@dataclass(frozen=True, slots=True)
class FleetFigure:
    """A sum over the matching brokers. `note` says what it leaves out."""

    key: str
    label: str
    value: float | None
    note: str
    is_rate: bool


def _figures(totals: Any, matched: int) -> list[FleetFigure]:
    labels = {
        "queues": "Queues", "connections": "Connections", "ready": "Ready", "unacked": "Unacked",
        "publish": "Publish", "deliver": "Deliver",
    }  # fmt: skip
    figures = []
    for key, label in labels.items():
        unknown = totals.get(f"{key}_unknown") or 0
        note = f"{unknown} of {matched} unknown" if unknown else ""
        figures.append(
            FleetFigure(key, label, totals.get(key), note, key in ("publish", "deliver"))
        )
    return figures
