"""The map of a virtual host, as a page and as the data that it is drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import urlencode

from django.db.models import Count
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from accessctl.authorize import may, require
from accessctl.rights import Permission
from accessctl.targets import brokers_for, target_broker
from console.brokers.observation import observe
from console.errors import InvalidField
from console.faces.pages.refreshed import refreshed
from console.faces.templatetags._text import plain
from console.kinds.exchange import EXCHANGE
from console.models import Broker
from console.scope import Scope
from vhosts.crumbs import crumbs
from vhosts.models import Binding, VirtualHost
from vhosts.topology.graph import MOST, STEPS, Graph, Kind, Start, graph_of
from vhosts.topology.shown import Shown, as_json, shown_of

_LONGEST = 255
_OFFERED = 1000
#: Exchanges offered as a start where there are too many objects for one map.
_BUSIEST = 12


@dataclass(frozen=True, slots=True)
class _Map:
    broker: Broker
    vhost: str
    start: Start
    graph: Graph
    objects: list[Shown]


@require_safe
@refreshed("polls")
def topology(request: HttpRequest) -> HttpResponse:
    require(request.user, Permission.QUEUES_VIEW)
    if Scope.read(request.GET, request.user).broker is None and not brokers_for(
        request, Permission.QUEUES_VIEW
    ):
        return redirect("fleet")
    broker, _ = target_broker(request, Permission.QUEUES_VIEW)
    if (vhost := Scope.read(request.GET, request.user).vhost) is None:
        return _choose_vhost(request, broker)
    require(request.user, Permission.QUEUES_VIEW, broker, vhost)
    now = timezone.now()
    problems: list[InvalidField] = []
    try:
        start = _start(request)
    except InvalidField as error:
        problems.append(error)
        start = Start()
    found = _map(broker, vhost, start)
    scope = Scope.at(broker, vhost)
    context = {
        "now": now,
        "scope": scope,
        "broker": broker,
        "vhost": vhost,
        "start": start,
        "graph": found.graph,
        "most": MOST,
        "exchanges": [one for one in found.objects if not one.is_queue],
        "queues": [one for one in found.objects if one.is_queue],
        "focus": next((o for o in found.objects if o.node.place == start.place), None),
        "absent": _absent(start),
        "data": _data(found),
        "data_url": f"{reverse('topology_data')}?{request.GET.urlencode()}",
        "depths": [(step, step == start.steps) for step in range(1, STEPS + 1)],
        "busiest": _busiest(broker, vhost) if found.graph.too_many else [],
        "crumbs": crumbs(broker, vhost),
        "problems": problems,
        "observed": observe(
            [broker], "inventory_at", now, parts=("queues", "exchanges", "bindings", "policies")
        ),
    }
    return render(request, "vhosts/topology.html", context, status=400 if problems else 200)


@require_safe
@refreshed("polls")
def topology_data(request: HttpRequest) -> HttpResponse:
    """Return the data of the drawing. With the header HX-Request, 304 while it is the same."""
    broker, _ = target_broker(request, Permission.QUEUES_VIEW)
    vhost = Scope.read(request.GET, request.user).vhost
    if vhost is None:
        raise InvalidField("vhost", "Name the virtual host: ?broker=1&vhost=/.")
    require(request.user, Permission.QUEUES_VIEW, broker, vhost)
    return JsonResponse(_data(_map(broker, vhost, _start(request))))


def _map(broker: Broker, vhost: str, start: Start) -> _Map:
    graph = graph_of(broker, vhost, start)
    return _Map(broker, vhost, start, graph, shown_of(graph, broker, vhost, start.steps))


def _data(found: _Map) -> dict[str, Any]:
    return as_json(found.graph, found.objects, found.start.place)


def _start(request: HttpRequest) -> Start:
    """Return where the map starts: ?exchange= or ?queue=, else ?prefix=; with ?depth=. Raises
    InvalidField."""
    steps = request.GET.get("depth", "") or "2"
    if steps not in [str(step) for step in range(1, STEPS + 1)]:
        raise InvalidField("depth", f"The depth must be 1 to {STEPS}.")
    for kind in ("exchange", "queue"):
        if name := _name(request, kind):
            return Start((cast("Kind", kind), name), steps=int(steps))
    return Start(prefix=_name(request, "prefix"), steps=int(steps))


def _absent(start: Start) -> str:
    """Return a sentence for a start that doesn't exist."""
    if start.place is None:
        return "No exchange or queue has a name that starts like that."
    kind, name = start.place
    return f"No {kind} {plain(name)} was found in the last inventory."


def _name(request: HttpRequest, parameter: str) -> str:
    name = request.GET.get(parameter, "")
    if "\0" in name or len(name.encode(errors="replace")) > _LONGEST:
        raise InvalidField(parameter, "No object has a name like that.")
    return name


def _choose_vhost(request: HttpRequest, broker: Broker) -> HttpResponse:
    """Go to the broker's only virtual host, or let the person select one."""
    rows = VirtualHost.objects.filter(broker=broker).order_by("name")
    names = [
        name
        for name in rows.values_list("name", flat=True)[:_OFFERED]
        if may(request.user, Permission.QUEUES_VIEW, broker, name)
    ]
    if len(names) == 1:
        return redirect(f"{reverse('topology')}{Scope.at(broker, names[0]).query()}")
    context = {
        "now": timezone.now(),
        "scope": Scope.at(broker),
        "broker": broker,
        "vhosts": [(name, f"?{urlencode({'broker': broker.pk, 'vhost': name})}") for name in names],
        "crumbs": crumbs(broker),
    }
    return render(request, "vhosts/topology_choose.html", context)


def _busiest(broker: Broker, vhost: str) -> list[tuple[str, int, str]]:
    """Return the exchanges with the most bindings, as (name, bindings, href)."""
    rows = Binding.objects.filter(broker=broker, vhost=vhost).order_by()
    counts = rows.values_list("source").annotate(n=Count("pk")).order_by("-n", "source")
    here = {"broker": broker.pk, "vhost": vhost}
    return [
        (name, number, f"?{urlencode({**here, EXCHANGE.name: name, 'depth': 1})}")
        for name, number in counts[:_BUSIEST]
    ]
