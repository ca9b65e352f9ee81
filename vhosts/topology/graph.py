"""The graph of a virtual host: exchanges, queues and how messages go between them.

From what polling last saw. A map shows at most MOST objects: all, or those that can be reached in a
few steps from a chosen object or from the names with a prefix. The number of queries depends on the
steps alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from django.db.models import Q

from console.kinds.exchange import PREDECLARED
from console.models import Broker
from vhosts.models import Binding, Exchange, Queue
from vhosts.topology import in_force
from vhosts.topology.in_force import Policies

#: The most objects of a map, and the most steps from its start.
MOST = 400
STEPS = 4
#: The most bindings that are read for a map; more objects than MOST never come of them.
_MOST_BINDINGS = 5000
#: The routing keys that an edge names.
_KEYS = 5

Kind = Literal["exchange", "queue"]
#: Kind and name.
Place = tuple[Kind, str]
What = Literal["binding", "dead_letter", "alternate"]
_EXCHANGE: Kind = "exchange"
_QUEUE: Kind = "queue"


@dataclass(frozen=True, slots=True)
class Start:
    """Where a map starts: an object, the names with a prefix, or (neither) everything."""

    place: Place | None = None
    prefix: str = ""
    steps: int = 2

    @property
    def is_everything(self) -> bool:
        return self.place is None and not self.prefix


@dataclass(frozen=True, slots=True)
class Node:
    """`row` None: something refers to it, and it doesn't exist."""

    place: Place
    row: Exchange | Queue | None

    @property
    def kind(self) -> Kind:
        return self.place[0]

    @property
    def name(self) -> str:
        return self.place[1]


@dataclass(slots=True)
class Edge:
    """Messages go from one object to another. `keys` are the first routing keys of `count`
    bindings; `arguments` says whether a binding has some. `source` is "argument" or the policy that
    sets a dead-letter or alternate exchange."""

    start: Place
    end: Place
    what: What
    count: int = 0
    keys: list[str] = field(default_factory=list)
    arguments: bool = False
    source: str = ""


@dataclass(frozen=True, slots=True)
class Graph:
    """`totals` are the numbers of exchanges and queues of the virtual host that a map of everything
    shows. `too_many`: a start must be chosen; `cut`: more can be reached than is shown; `absent`:
    the chosen object doesn't exist."""

    nodes: Sequence[Node]
    edges: Sequence[Edge]
    totals: tuple[int, int]
    too_many: bool = False
    cut: bool = False
    absent: bool = False

    @property
    def total(self) -> int:
        return sum(self.totals)


@dataclass(frozen=True, slots=True)
class _Within:
    broker: Broker
    vhost: str
    policies: Policies

    def exchanges(self) -> Any:
        return Exchange.objects.filter(broker=self.broker, vhost=self.vhost)

    def queues(self) -> Any:
        return Queue.objects.present().filter(broker=self.broker, vhost=self.vhost)

    def bindings(self) -> Any:
        return Binding.objects.filter(broker=self.broker, vhost=self.vhost).order_by()


def graph_of(broker: Broker, vhost: str, start: Start) -> Graph:
    """Return the graph from a start."""
    within = _Within(broker, vhost, in_force.policies_of(broker, vhost))
    totals = within.exchanges().exclude(name__in=PREDECLARED).count(), within.queues().count()
    if start.is_everything:
        if sum(totals) > MOST:
            return Graph((), (), totals, too_many=True)
        own = within.exchanges().exclude(name__in=PREDECLARED).values_list("name", flat=True)
        places: set[Place] = {(_EXCHANGE, name) for name in own}
        places |= {(_QUEUE, name) for name in within.queues().values_list("name", flat=True)}
        # The exchanges that every virtual host has are shown where something is bound to them.
        used = within.bindings().filter(source__in=PREDECLARED).values_list("source", flat=True)
        places |= {(_EXCHANGE, name) for name in used.distinct()}
        return _whole(within, places, totals, cut=False, ends=True)
    edge = set(_first(within, start))
    cut = len(edge) > MOST
    places = edge = set(sorted(edge)[:MOST])
    for _ in range(0 if cut else start.steps):
        found = set(_neighbours(within, edge)) - places
        room = MOST - len(places)
        cut = len(found) > room
        edge = set(sorted(found)[:room])
        places = places | edge
        if cut or not edge:
            break
    graph = _whole(within, places, totals, cut=cut)
    absent = not graph.edges and all(node.row is None for node in graph.nodes)
    return replace(graph, absent=absent)


def _first(within: _Within, start: Start) -> Iterator[Place]:
    if start.place is not None:
        yield start.place
        return
    for kind, rows in ((_EXCHANGE, within.exchanges()), (_QUEUE, within.queues())):
        names = rows.filter(name__startswith=start.prefix).order_by("name")
        yield from ((kind, name) for name in names.values_list("name", flat=True)[: MOST + 1])


def _names(places: Iterable[Place], kind: Kind) -> list[str]:
    return sorted(name for of_kind, name in places if of_kind == kind)


def _neighbours(within: _Within, places: set[Place]) -> Iterator[Place]:
    """Yield the objects one step away, up and down. Six queries."""
    exchanges, queues = _names(places, _EXCHANGE), _names(places, _QUEUE)
    most = MOST + len(places) + 1
    down = within.bindings().filter(source__in=exchanges)
    yield from down.values_list("destination_type", "destination").distinct()[:most]
    up = within.bindings().filter(
        Q(destination_type=_EXCHANGE, destination__in=exchanges)
        | Q(destination_type=_QUEUE, destination__in=queues)
    )
    for source in up.values_list("source", flat=True).distinct()[:most]:
        yield _EXCHANGE, source
    to = {f"arguments__x-{in_force.DEAD_LETTER}__in": exchanges}
    by_key = {f"arguments__x-{in_force.DEAD_LETTER_KEY}__in": queues}
    setting = _setting(within, in_force.DEAD_LETTER, [*exchanges, ""])
    dead = Q(**to) | Q(**by_key) | Q(policy__in=setting)
    for edge in _dead_letters(within.queues().filter(dead)[:most], within.policies):
        if edge.end in places:
            yield edge.start
    for edge in _dead_letters(within.queues().filter(name__in=queues), within.policies):
        yield edge.end
    setting = _setting(within, in_force.ALTERNATE, exchanges)
    alternate = Q(**{f"arguments__{in_force.ALTERNATE}__in": exchanges}) | Q(policy__in=setting)
    for edge in _alternates(within.exchanges().filter(alternate)[:most], within.policies):
        if edge.end in places:
            yield edge.start
    for edge in _alternates(within.exchanges().filter(name__in=exchanges), within.policies):
        yield edge.end


def _setting(within: _Within, key: str, values: Sequence[str]) -> list[str]:
    """Return the policies that set one of these values."""
    return [name for name, one in within.policies.items() if one.get(key) in values]


def _whole(
    within: _Within, places: set[Place], totals: tuple[int, int], *, cut: bool, ends: bool = False
) -> Graph:
    """Return the graph of these objects and the edges between them; with `ends`, also of the objects that
    edges lead to."""
    rows = _rows(within, places)
    edges = [
        *_bindings(within, places, ends=ends),
        *_dead_letters((row for row in rows.values() if isinstance(row, Queue)), within.policies),
        *_alternates((row for row in rows.values() if isinstance(row, Exchange)), within.policies),
    ]
    if ends and (more := {place for edge in edges for place in (edge.start, edge.end)} - places):
        rows |= _rows(within, more)
        places = places | more
    edges = [edge for edge in edges if edge.start in places and edge.end in places]
    nodes = [Node(place, rows.get(place)) for place in sorted(places)]
    return Graph(nodes, edges, totals, cut=cut)


def _rows(within: _Within, places: set[Place]) -> dict[Place, Exchange | Queue]:
    found: dict[Place, Exchange | Queue] = {}
    for row in within.exchanges().filter(name__in=_names(places, _EXCHANGE)):
        found[_EXCHANGE, row.name] = row
    for row in within.queues().filter(name__in=_names(places, _QUEUE)):
        found[_QUEUE, row.name] = row
    return found


def _bindings(within: _Within, places: set[Place], *, ends: bool) -> list[Edge]:
    exchanges, queues = _names(places, _EXCHANGE), _names(places, _QUEUE)
    rows = within.bindings().filter(source__in=exchanges)
    if not ends:
        rows = rows.filter(
            Q(destination_type=_EXCHANGE, destination__in=exchanges)
            | Q(destination_type=_QUEUE, destination__in=queues)
        )
    found: dict[tuple[Place, Place], Edge] = {}
    columns = ("source", "destination_type", "destination", "routing_key", "arguments")
    ordered = rows.order_by("source", "destination", "routing_key").values_list(*columns)
    for source, kind, destination, key, arguments in ordered[:_MOST_BINDINGS]:
        start, end = (_EXCHANGE, source), (kind, destination)
        edge = found.setdefault((start, end), Edge(start, end, "binding"))
        edge.count += 1
        edge.arguments = edge.arguments or arguments != "{}"
        if len(edge.keys) < _KEYS:
            edge.keys.append(key)
    return list(found.values())


def _dead_letters(rows: Iterable[Queue], policies: Policies) -> Iterator[Edge]:
    for row in rows:
        target = in_force.dead_letter_of(row.type, row.arguments, row.policy, policies)
        # Through the default exchange, a message without another key returns to where it was.
        if target is None or (target.exchange == "" and target.routing_key is None):
            continue
        end: Place = (_EXCHANGE, target.exchange)
        keys = [] if target.routing_key is None else [target.routing_key]
        if target.exchange == "":
            end, keys = (_QUEUE, keys[0]), []
        yield Edge((_QUEUE, row.name), end, "dead_letter", 1, keys, source=target.source)


def _alternates(rows: Iterable[Exchange], policies: Policies) -> Iterator[Edge]:
    for row in rows:
        if target := in_force.alternate_of(row.arguments, row.policy, policies):
            end = (_EXCHANGE, target.exchange)
            yield Edge((_EXCHANGE, row.name), end, "alternate", 1, source=target.source)
