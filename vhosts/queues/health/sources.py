"""Where a queue's messages come from: told by the broker's detailed rates, or inferred from bindings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from console.faces.pages.words import listed
from console.models import BrokerStatus
from vhosts.models import Binding, Exchange, Queue
from vhosts.queues.health.figures import per_s

#: Bindings of one queue that are read; more are counted as "others".
_MOST = 200


@dataclass(frozen=True, slots=True)
class Source:
    """An exchange bound to a queue. `routed`: messages a second that it routed, to any queue; None:
    unknown. `type` "" if the exchange isn't known."""

    exchange: str
    keys: tuple[str, ...]
    type: str
    routed: float | None

    @property
    def named(self) -> str:
        """Return its name with the first of its keys, as in a sentence."""
        if self.type in ("fanout", "headers") or not self.keys:
            return self.exchange
        more = f" and {len(self.keys) - 2} more" if len(self.keys) > 2 else ""
        keys = ", ".join(key or "an empty key" for key in self.keys[:2])
        return f"{self.exchange} with {keys}{more}"


@dataclass(frozen=True, slots=True)
class Sources:
    """`why_unknown` is a sentence if not all bindings are known."""

    found: tuple[Source, ...] = ()
    why_unknown: str = ""


def sources_of(queue: Queue, status: BrokerStatus) -> Sources:
    """Return the exchanges bound to the queue as last seen. Two queries."""
    bound = Binding.objects.filter(
        broker_id=queue.broker_id,
        vhost=queue.vhost,
        destination=queue.name,
        destination_type="queue",
    ).order_by("source", "routing_key", "id")
    keys: dict[str, list[str]] = {}
    for source, key in bound.values_list("source", "routing_key")[:_MOST]:
        keys.setdefault(source, []).append(key)
    exchanges = {
        one.name: one
        for one in Exchange.objects.filter(
            broker_id=queue.broker_id, vhost=queue.vhost, name__in=list(keys)
        )
    }
    found = tuple(
        Source(
            name,
            tuple(dict.fromkeys(its)),
            exchanges[name].type if name in exchanges else "",
            exchanges[name].out_rate if name in exchanges else None,
        )
        for name, its in keys.items()
    )
    return Sources(found, status.why_unknown("bindings"))


def origin(sources: Sources, publish: float | None, incoming: Mapping[str, float]) -> str:
    """Return a sentence that says where the messages come from, and from what it infers that; "" if
    none are published or nothing is known. `incoming`: rates by exchange, if the broker tells."""
    if not publish:
        return ""
    by_name = {one.exchange: one for one in sources.found}
    told = sorted(((rate, name) for name, rate in incoming.items() if rate > 0), reverse=True)
    if told:
        parts = [
            f"{per_s(rate)} come from {_named(by_name.get(name), name)}" for rate, name in told[:3]
        ]
        return f"{listed(parts)}."
    if sources.why_unknown:
        return "Which exchange they come from isn't known: the bindings aren't all known."
    return f"{_inferred(sources.found, publish)}."


def _named(source: Source | None, name: str) -> str:
    if name == "":
        return "the default exchange"
    return source.named if source else name


def _inferred(bound: Iterable[Source], publish: float) -> str:
    found = list(bound)
    rate = f"≈{per_s(publish)}"
    if not found:
        return f"{rate} come through the default exchange: no other is bound to it"
    busy = [one for one in found if one.routed != 0]
    if not busy:
        return f"{rate} come through the default exchange: no exchange bound to it routes any now"
    if len(busy) == 1 and busy[0].routed is not None:
        why = "no other exchange" if len(found) > 1 else "only this exchange"
        tail = (
            "bound to it routes any now" if len(found) > 1 else "is bound to it, and it routes now"
        )
        return f"{rate} come from {busy[0].named}: {why} {tail}"
    if len(found) == 1:
        return f"≈{per_s(publish)} come from {found[0].named}, or straight through the default exchange"
    names = [one.named for one in busy[:3]]
    more = f" and {len(busy) - 3} more" if len(busy) > 3 else ""
    return f"They come from one or more of {listed(names)}{more}: RabbitMQ doesn't say which"
