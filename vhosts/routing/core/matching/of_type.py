"""How exchanges of each type match, and what is said where a type can't be predicted."""

from __future__ import annotations

from collections.abc import Sequence

from vhosts.routing.core.matching.headers import Headers
from vhosts.routing.core.matching.keys import Direct, Fanout
from vhosts.routing.core.matching.matcher import Matched, Matcher, Message
from vhosts.routing.core.matching.topics import Topics
from vhosts.routing.core.text import counted, shown
from vhosts.routing.core.topology import Binding, Exchange, Topology

#: Types that pick one of their bindings, by what.
_ONE_OF = {
    "x-consistent-hash": "by a hash of the {by}",
    "x-modulus-hash": "by a hash of the routing key",
    "x-random": "at random",
}


class OneOf:
    """Exactly one binding gets the message; which one can't be predicted from outside."""

    def __init__(self, bindings: Sequence[Binding], how: str) -> None:
        self.bindings = bindings
        self._how = how

    def match(self, message: Message) -> Matched:
        if len(self.bindings) == 1:
            return Matched(sure=self.bindings)
        return Matched(maybe=self.bindings, one_of=True, always=True)

    def why(self, binding: Binding, message: Message) -> str:
        if len(self.bindings) == 1:
            return "it is the only binding"
        return f"one of {counted(len(self.bindings), 'binding')} gets it, {self._how}"

    def why_not(self, binding: Binding, message: Message) -> tuple[float, str]:
        return 9, "another binding gets it"

    def nearest(self, message: Message, limit: int) -> Sequence[Binding]:
        return ()


class LocalRandom(OneOf):
    """One of the queues on the node that the publisher is connected to; none if there is none."""

    def __init__(self, bindings: Sequence[Binding]) -> None:
        bound = [binding for binding in bindings if not binding.key]
        super().__init__(bound, "at random among the queues on the publisher's own node")

    def match(self, message: Message) -> Matched:
        return Matched(maybe=self.bindings, one_of=True)

    def why(self, binding: Binding, message: Message) -> str:
        return f"one of {counted(len(self.bindings), 'queue')} gets it, {self._how}; none if none is there"


class Unpredictable:
    """A type whose rules aren't known here: any binding may match."""

    def __init__(self, bindings: Sequence[Binding], type_name: str) -> None:
        self.bindings = bindings
        self._type = type_name

    def match(self, message: Message) -> Matched:
        return Matched(maybe=self.bindings)

    def why(self, binding: Binding, message: Message) -> str:
        return f"not predictable: exchanges of the type {shown(self._type)} have rules of their own"

    def why_not(self, binding: Binding, message: Message) -> tuple[float, str]:
        return 9, self.why(binding, message)

    def nearest(self, message: Message, limit: int) -> Sequence[Binding]:
        return ()


def matcher_of(topology: Topology, exchange: Exchange) -> Matcher:
    """Return the compiled bindings of an exchange, kept with the topology."""
    found: Matcher | None = topology.compiled.get(exchange.name)
    if found is None:
        bindings = topology.bindings.get(exchange.name, ())
        found = topology.compiled[exchange.name] = _of(exchange.type, exchange, bindings, topology)
    return found


def delay_note(exchange: Exchange) -> str:
    """Return what is special about an exchange that holds messages back or keeps them; "" otherwise."""
    if exchange.type == "x-delayed-message":
        return (
            f"{shown(exchange.name)} holds messages back for the milliseconds in their header x-delay, and "
            "ignores mandatory."
        )
    if exchange.type == "x-recent-history":
        return f"{shown(exchange.name)} also sends its last messages to each queue that is bound later."
    return ""


def _of(
    of_type: str, exchange: Exchange, bindings: Sequence[Binding], topology: Topology
) -> Matcher:
    if of_type == "direct":
        return Direct(bindings)
    if of_type == "topic":
        return Topics(bindings)
    if of_type == "headers":
        later = topology.at_least(4)
        return Headers(bindings, None if later is None else not later, topology.listed)
    if of_type in ("fanout", "x-recent-history"):
        kind = "fanout" if of_type == "fanout" else "recent-history"
        return Fanout(bindings, f"a {kind} exchange ignores the key")
    if of_type in _ONE_OF:
        return OneOf(bindings, _ONE_OF[of_type].format(by=_hashed(exchange)))
    if of_type == "x-local-random":
        return LocalRandom(bindings)
    inner = exchange.arguments.get("x-delayed-type")
    if of_type == "x-delayed-message" and isinstance(inner, str) and inner != of_type:
        return _of(inner, exchange, bindings, topology)
    return Unpredictable(bindings, of_type)


def _hashed(exchange: Exchange) -> str:
    header, prop = exchange.arguments.get("hash-header"), exchange.arguments.get("hash-property")
    if isinstance(header, str):
        return f"header {shown(header)}"
    return f"property {shown(prop)}" if isinstance(prop, str) else "routing key"
