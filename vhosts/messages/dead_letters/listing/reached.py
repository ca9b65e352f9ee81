"""Which queues hold dead letters, and from where: read from the stored topology, no broker is called.

A dead letter queue is one that dead letters reach and stay in. A queue that has a dead letter exchange of
its own passes them on (a retry queue), and one that only queues for delays lead to gets its messages back:
both are *passed*, unless their name says otherwise.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q

from console.models import Broker
from vhosts.models import Binding, Exchange, Policy
from vhosts.routing.core import topology as core
from vhosts.routing.core.matching.matcher import Message
from vhosts.routing.core.matching.of_type import matcher_of
from vhosts.topology import in_force

#: (broker's ID, virtual host, name)
Place = tuple[int, str, str]
_Vhost = tuple[int, str]
#: The most queues with a dead letter exchange, and bindings, that are looked at.
MOST = 5_000
_MOST_BINDINGS = 50_000
#: Exchanges behind each other that a dead letter is followed through.
_STEPS = 4
#: Names that frameworks and people give to dead letter queues.
LOOKS_LIKE = (
    r"dead|(^|[._:-])dl[qt]([._:-]|$)|[._]error$|_skipped$|^errors?$|poison|parking[._-]?lot"
)
_LIKE = re.compile(LOOKS_LIKE, re.IGNORECASE)
_KEYS = (
    in_force.DEAD_LETTER, in_force.DEAD_LETTER_KEY, in_force.STRATEGY, in_force.ALTERNATE, "overflow",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Origin:
    """A queue whose dead letters can arrive: through which exchange, with which key (None: the message's own),
    and what sets that. `delays`: messages wait in it to expire; nobody consumes them."""

    queue: str
    exchange: str
    key: str | None
    set_by: str
    delays: bool


@dataclass(slots=True)
class Reached:
    """`origins` of a queue that dead letters reach. `passes_on`: it has a dead letter exchange of its own."""

    origins: list[Origin] = field(default_factory=list)
    passes_on: bool = False

    def holds(self, name: str) -> bool:
        """Return whether dead letters stay in it."""
        if looks_like(name):
            return True
        return not self.passes_on and any(not one.delays for one in self.origins)


def looks_like(name: str) -> bool:
    return _LIKE.search(name) is not None


def reached_in(
    brokers: Sequence[Broker], queues: Any, vhost: str | None = None
) -> dict[Place, Reached]:
    """Return the queues that dead letters can reach. `queues` are those that the viewer may see. At most
    2 + 2 × _STEPS queries, whatever the number of brokers."""
    policies = _policies(brokers, vhost)
    sources = _sources(queues, policies)
    if not sources:
        return {}
    by_vhost: dict[_Vhost, list[tuple[str, in_force.Target, bool]]] = defaultdict(list)
    for (broker, of_vhost, name), (target, delays) in sources.items():
        by_vhost[broker, of_vhost].append((name, target, delays))
    topologies = _topologies(by_vhost, policies)
    found: dict[Place, Reached] = {}
    for at, rows in by_vhost.items():
        memory: dict[tuple[str, str | None], set[str]] = {}
        for name, target, delays in rows:
            way = (target.exchange, target.routing_key)
            if way not in memory:
                memory[way] = _queues_from(topologies[at], *way)
            for queue in memory[way]:
                if queue == name:
                    continue
                place = (*at, queue)
                reached = found.setdefault(place, Reached(passes_on=place in sources))
                reached.origins.append(
                    Origin(name, target.exchange, target.routing_key, target.source, delays)
                )
    return found


def _policies(
    brokers: Sequence[Broker], vhost: str | None
) -> dict[_Vhost, dict[str, Mapping[str, Any]]]:
    rows = Policy.objects.filter(broker__in=brokers, definition__has_any_keys=_KEYS)
    if vhost is not None:
        rows = rows.filter(vhost=vhost)
    found: dict[_Vhost, dict[str, Mapping[str, Any]]] = defaultdict(dict)
    for broker, of_vhost, name, definition in rows.order_by().values_list(
        "broker", "vhost", "name", "definition"
    )[:MOST]:
        if isinstance(definition, Mapping):
            found[broker, of_vhost][name] = definition
    return found


def _sources(
    queues: Any, policies: Mapping[_Vhost, Mapping[str, Mapping[str, Any]]]
) -> dict[Place, tuple[in_force.Target, bool]]:
    """Return the queues with a dead letter exchange in force, and whether they are queues for delays. One
    query."""
    setting = {
        name
        for of_one in policies.values()
        for name, definition in of_one.items()
        if in_force.DEAD_LETTER in definition
    }
    rows = queues.filter(
        Q(arguments__has_key=f"x-{in_force.DEAD_LETTER}") | Q(policy__in=setting), gone_at=None
    )
    columns = ("broker", "vhost", "name", "type", "arguments", "policy", "delays", "consumers")
    found = {}
    for (
        broker,
        vhost,
        name,
        of_type,
        arguments,
        policy,
        delays,
        consumers,
    ) in rows.order_by().values_list(*columns)[:MOST]:
        own = policies.get((broker, vhost), {})
        target = in_force.dead_letter_of(of_type, arguments, policy, own)
        if target is not None:
            found[broker, vhost, name] = (target, bool(delays) and not consumers)
    return found


def _topologies(
    by_vhost: Mapping[_Vhost, Iterable[tuple[str, in_force.Target, bool]]],
    policies: Mapping[_Vhost, Mapping[str, Mapping[str, Any]]],
) -> dict[_Vhost, core.Topology]:
    """Return the exchanges that dead letters can come to, with their bindings."""
    edge: dict[_Vhost, set[str]] = {
        at: {target.exchange for _, target, _ in rows} - {core.DEFAULT}
        for at, rows in by_vhost.items()
    }
    known: dict[_Vhost, set[str]] = {at: set(names) for at, names in edge.items()}
    exchanges: dict[_Vhost, list[core.Exchange]] = defaultdict(list)
    bindings: dict[_Vhost, list[core.Binding]] = defaultdict(list)
    for _ in range(_STEPS):
        names = {name for of_one in edge.values() for name in of_one}
        if not names:
            break
        following: dict[_Vhost, set[str]] = defaultdict(set)
        brokers = {broker for broker, _ in edge}
        rows = Exchange.objects.filter(broker__in=brokers, name__in=names).order_by()
        for broker, vhost, name, of_type, arguments, policy in rows.values_list(
            "broker", "vhost", "name", "type", "arguments", "policy"
        ):
            at = (broker, vhost)
            if name not in edge.get(at, ()):
                continue
            other = in_force.alternate_of(arguments, policy, policies.get(at, {}))
            setting = None if other is None else core.Setting(other.exchange, other.source)
            exchanges[at].append(core.Exchange(name, of_type, False, arguments, setting))
            if other is not None:
                following[at].add(other.exchange)
        bound = Binding.objects.filter(broker__in=brokers, source__in=names).order_by()
        for broker, vhost, source, to, destination, key in bound.values_list(
            "broker", "vhost", "source", "destination_type", "destination", "routing_key"
        )[:_MOST_BINDINGS]:
            at = (broker, vhost)
            if source not in edge.get(at, ()):
                continue
            bindings[at].append(core.Binding(source, to, destination, key))
            if to == "exchange":
                following[at].add(destination)
        edge = {at: more - known[at] for at, more in following.items()}
        for at, more in edge.items():
            known[at] |= more
    return {at: core.build(at[1], exchanges[at], (), bindings[at]) for at in by_vhost}


def _queues_from(topology: core.Topology, start: str, key: str | None) -> set[str]:
    """Return the queues that a dead letter can come to. With its own key (None) it may match any binding,
    but the default exchange only leads back to where it was published."""
    queues: set[str] = set()
    waiting, visited = [start], {start}
    while waiting:
        name = waiting.pop()
        if name == core.DEFAULT:
            if key is not None:
                queues.add(key)
            continue
        exchange = topology.exchanges.get(name)
        if exchange is None:
            continue
        matching = _matching(topology, exchange, key)
        queues.update(one.destination for one in matching if one.to == "queue")
        further = [one.destination for one in matching if one.to == "exchange"]
        if exchange.alternate is not None and (key is None or not matching):
            further.append(exchange.alternate.value)
        for one in further:
            if one not in visited:
                visited.add(one)
                waiting.append(one)
    return queues


def _matching(
    topology: core.Topology, exchange: core.Exchange, key: str | None
) -> Sequence[core.Binding]:
    if key is None or exchange.type == "headers":
        return topology.bindings.get(exchange.name, ())
    found = matcher_of(topology, exchange).match(Message((key,)))
    return [*found.sure, *found.maybe]


def candidates(queues: Any, places: Iterable[Place]) -> Any:
    """Return the rows of these places and of all queues whose name looks like a dead letter queue. The
    caller compares broker and virtual host: names alone are looked up here."""
    names = {name for _, _, name in places}
    return queues.filter(Q(name__in=names) | Q(name__iregex=LOOKS_LIKE), gone_at=None)


__all__ = ["MOST", "Origin", "Place", "Reached", "candidates", "looks_like", "reached_in"]
