"""Where dead letters would go if they were replayed: each one that was read is traced by the router."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from console.rabbitmq.amqp.message import Message
from vhosts.messages.dead_letters.parsing.deaths import Deaths, deaths_of
from vhosts.routing.core.route import route
from vhosts.routing.core.topology import Topology

Outcome = Literal["routed", "unroutable", "depends", "refused"]
#: How often the console has moved a message (vhosts.messages.moving.running.outgoing).
MOVES = "x-warren-moves"
#: Different destinations that one plan shows.
MOST_WAYS = 50
#: Headers that a replay doesn't send, or sends under another name.
_LEFT_OUT = ("x-death", "CC", "BCC")


@dataclass(frozen=True, slots=True)
class Destination:
    """Where to publish. None for either: the exchange or key of each message's first death."""

    exchange: str | None = None
    key: str | None = None


@dataclass(slots=True)
class Way:
    """Messages that go to the same exchange with the same key. `queues` get them, `possible` may. `back`: the
    queue that they are taken from is among them."""

    exchange: str
    key: str
    outcome: Outcome
    sentence: str
    queues: tuple[str, ...] = ()
    possible: tuple[str, ...] = ()
    back: bool = False
    count: int = 0


@dataclass(slots=True)
class Plan:
    """What a replay of the messages that were read would do. `older` are left in the queue because they died
    before a time, `homeless` because they say nothing about where they were first published. `again`: how
    often messages were moved by the console before, by number of moves."""

    ways: list[Way] = field(default_factory=list)
    more_ways: int = 0
    count: int = 0
    older: int = 0
    homeless: int = 0
    again: Counter[int] = field(default_factory=Counter)

    def sum(self, *outcomes: str) -> int:
        return sum(way.count for way in self.ways if way.outcome in outcomes)

    @property
    def routed(self) -> int:
        return self.sum("routed")

    @property
    def lost(self) -> int:
        """Messages that no queue would get; RabbitMQ returns them, so they stay."""
        return self.sum("unroutable", "refused")

    @property
    def unsure(self) -> int:
        return self.sum("depends")

    @property
    def back(self) -> int:
        return sum(way.count for way in self.ways if way.back)

    @property
    def replayed_before(self) -> int:
        return self.again.total()

    @property
    def most_moves(self) -> int:
        return max(self.again, default=0)


def plan_replay(
    messages: Iterable[Message],
    topology: Topology,
    queue: str,
    to: Destination,
    *,
    not_before: datetime | None = None,
    selected: Callable[[Message], bool] = lambda message: True,
) -> Plan:
    """Trace each of the messages. `queue` is the one that they are in; `not_before`: leave those whose last
    death was earlier."""
    plan = Plan()
    ways: dict[tuple[Any, ...], Way] = {}
    for message in messages:
        if not selected(message):
            continue
        deaths = deaths_of(message.headers)
        if is_older(deaths, not_before):
            plan.older += 1
            continue
        at = destination_of(deaths, to)
        if at is None:
            plan.homeless += 1
            continue
        plan.count += 1
        if moves := moves_of(message.headers):
            plan.again[moves] += 1
        headers = {n: v for n, v in message.headers.items() if n not in _LEFT_OUT}
        key = (*at, repr(sorted(headers.items(), key=lambda one: one[0])) if headers else "")
        way = ways.get(key)
        if way is None:
            way = ways[key] = _way(topology, queue, *at, headers)
        way.count += 1
    merged: dict[tuple[Any, ...], Way] = {}
    for way in ways.values():
        same = (way.exchange, way.key, way.outcome, way.queues, way.possible)
        if same in merged:
            merged[same].count += way.count
        else:
            merged[same] = way
    plan.ways = sorted(merged.values(), key=lambda one: (one.outcome == "routed", -one.count))
    plan.more_ways = max(len(plan.ways) - MOST_WAYS, 0)
    return plan


def destination_of(deaths: Deaths, to: Destination) -> tuple[str, str] | None:
    """Return exchange and key; None if the message doesn't say where it was first published."""
    first = deaths.first
    exchange = to.exchange if to.exchange is not None else (first.exchange if first else None)
    keys = first.routing_keys if first else ()
    key = to.key if to.key is not None else (keys[0] if keys else None)
    return None if exchange is None or key is None else (exchange, key)


def is_older(deaths: Deaths, not_before: datetime | None) -> bool:
    """Return whether the last death was before. An unknown time isn't older."""
    if not_before is None:
        return False
    times = [one.at for one in deaths.entries if one.at is not None]
    return bool(times) and max(times) < not_before


def moves_of(headers: Mapping[str, Any]) -> int:
    value = headers.get(MOVES)
    return (
        value if isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31 else 0
    )


def _way(
    topology: Topology, queue: str, exchange: str, key: str, headers: Mapping[str, Any]
) -> Way:
    traced = route(topology, exchange, key, headers, mandatory=True, follow=False)
    return Way(
        exchange,
        key,
        traced.verdict,
        traced.sentence,
        traced.queues,
        traced.possible,
        queue in (*traced.queues, *traced.possible),
    )
