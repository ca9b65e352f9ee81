"""What the flow strip shows, from live readings and stored bindings. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from console.rabbitmq.types import ChannelNow, Consumer, QueueNow
from vhosts.queues.flow.clients import Clients
from vhosts.queues.health.conditions import Facts, conditions_of, is_full
from vhosts.queues.health.figures import per_s
from vhosts.queues.health.sources import Source, Sources

#: Boxes of one column; the rest is counted.
MOST = 6


@dataclass(frozen=True, slots=True)
class Who:
    """A publisher or consumer. `name`: what the client calls itself, else its connection or tag.
    `rate` None: unknown. `fault` says why it is marked; "" if nothing is wrong with it."""

    name: str
    rate: float | None
    host: str
    user: str
    details: tuple[str, ...] = ()
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """`more`: how many aren't shown. `note` says what the column can't tell."""

    boxes: tuple[Who, ...] = ()
    more: int = 0
    note: str = ""


@dataclass(frozen=True, slots=True)
class Strip:
    publishers: Column
    exchanges: tuple[Source, ...]
    #: Exchange "" is among what sends now.
    by_default_exchange: bool
    consumers: Column
    publish: float | None
    leave: float | None
    #: Messages a second that are lost or refused; None: none known.
    lost: float | None
    lost_word: str
    #: How full it is, in percent; None: no limit is known.
    fill: int | None
    facts: Facts


def strip(
    facts: Facts, live: QueueNow, sources: Sources, clients: Clients | None, why_not: str
) -> Strip:
    """`clients` None: the channels weren't read, as `why_not` says."""
    found = conditions_of(facts)
    lost = max(0.0, facts.surplus or 0) if {"losing", "rejecting"} & set(found) else None
    return Strip(
        publishers=_publishers(facts, clients, why_not),
        exchanges=tuple(sorted(sources.found, key=lambda one: -(one.routed or 0))[:MOST]),
        by_default_exchange=live.incoming.get("", 0) > 0 or not sources.found,
        consumers=_consumers(facts, live, clients),
        publish=facts.publish,
        leave=facts.leaving,
        lost=lost,
        lost_word="dropped and lost" if "losing" in found else "refused",
        fill=_fill(facts),
        facts=facts,
    )


def _fill(facts: Facts) -> int | None:
    if facts.max_length is None or facts.ready is None:
        return None
    return 100 if is_full(facts) else int(100 * facts.ready / max(1, facts.max_length))


def _publishers(facts: Facts, clients: Clients | None, why_not: str) -> Column:
    if facts.publish == 0:
        return Column(note="Nothing is published to this queue now.")
    if clients is None:
        return Column(note=why_not)
    busy = sorted(
        (one for one in clients.channels.values() if one.publish > 0), key=lambda one: -one.publish
    )
    boxes = tuple(
        Who(
            _called(one, clients),
            one.publish,
            one.peer or "",
            one.user or "",
            (_confirms(one),),
        )
        for one in busy[:MOST]
    )
    if not busy:
        return Column(
            note="RabbitMQ shows the console no channel in this virtual host that publishes now. "
            "Users without the monitoring tag are shown their own channels only."
        )
    return Column(
        boxes,
        len(busy) - len(boxes),
        "Every channel that publishes in this virtual host now, at its whole rate: RabbitMQ doesn’t say which "
        "of them send to this queue.",
    )


def _confirms(one: ChannelNow) -> str:
    if one.confirms is None:
        return ""
    return "confirms" if one.confirms else "no confirms"


def _called(channel: ChannelNow, clients: Clients) -> str:
    connection = channel.connection or channel.name
    return clients.names.get(connection) or connection


def _consumers(facts: Facts, live: QueueNow, clients: Clients | None) -> Column:
    if live.consumers is None:
        return Column(note="The broker doesn’t report consumers; its statistics may be disabled.")
    if not live.consumers:
        return Column()
    boxes = [_consumer(one, facts, live, clients) for one in live.consumers]
    boxes.sort(key=lambda one: (not one.fault, -(one.rate or 0)))
    return Column(tuple(boxes[:MOST]), len(boxes) - len(boxes[:MOST]))


def _consumer(one: Consumer, facts: Facts, live: QueueNow, clients: Clients | None) -> Who:
    channel = clients.channels.get(one.channel or "") if clients else None
    # The figures of a channel are its consumer's only if it has no other.
    alone = channel if channel is not None and channel.consumers == 1 else None
    taken = live.taken.get(one.channel or "")
    rate = taken.deliver if taken else alone.deliver if alone else None
    ack = taken.ack if taken else alone.ack if alone else None
    name = (clients.names.get(one.connection or "") if clients else "") or one.connection or one.tag
    return Who(
        name,
        rate,
        one.peer or "",
        one.user or "",
        tuple(_consumer_details(one, alone)),
        _fault(one, facts, alone, rate, ack),
    )


def _consumer_details(one: Consumer, alone: ChannelNow | None) -> Iterable[str]:
    if one.ack_required is not None:
        yield "manual ack" if one.ack_required else "automatic ack"
    limit = f"prefetch {one.prefetch}" if one.prefetch else "no prefetch limit"
    if one.ack_required and alone is not None and alone.unacked is not None:
        yield (
            f"holds {alone.unacked} of {limit}"
            if one.prefetch
            else f"holds {alone.unacked}, {limit}"
        )
    elif one.prefetch is not None:
        yield limit
    if one.active is False:
        yield "waits: another consumer is the active one"


def _fault(
    one: Consumer, facts: Facts, alone: ChannelNow | None, rate: float | None, ack: float | None
) -> str:
    """Return why the consumer is stuck; "" if it isn't known to be."""
    if not (facts.ready or 0) > 0 or not one.ack_required or one.active is False:
        return ""
    full = alone is not None and one.prefetch and (alone.unacked or 0) >= one.prefetch
    if full and rate == 0 and ack == 0:
        return "Stuck: it acknowledges nothing, and gets no more until it does."
    if "stuck" in conditions_of(facts):
        return "Nothing was delivered to it or acknowledged for some time."
    return ""


def width(rate: float | None) -> int:
    """Return the width of an arrow: 1 for no traffic, up to 4."""
    if not rate:
        return 1
    return 2 if rate < 10 else 3 if rate < 100 else 4


def rate_words(rate: float | None) -> str:
    return "—" if rate is None else per_s(rate)
