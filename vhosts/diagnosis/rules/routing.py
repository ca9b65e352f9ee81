"""Rules on exchanges and queues by their traffic."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.db.models import Exists, F, OuterRef, Q

from accessctl.rights import Permission
from console.models import Broker
from vhosts.diagnosis.finding import Finding, Fix, Harm, Rule
from vhosts.diagnosis.ground import Ground, folded, link
from vhosts.models import Binding, Exchange, Queue
from vhosts.topology.in_force import ALTERNATE

#: Below this many redeliveries a second, retries are normal.
_REDELIVERIES = 1.0


def per_second(value: float | None) -> str:
    if value is None:
        return "unknown"
    return f"{value:.2f}".rstrip("0").rstrip(".") + "/s" if value < 10 else f"{round(value):,}/s"


def many(number: int, name: str, noun: str) -> str:
    """Return "Queue orders" for one, "12 queues" for more."""
    return f"{noun.capitalize()} {name}" if number == 1 else f"{number:,} {noun}s"


def _unbound(ground: Ground, rule: Rule, brokers: Sequence[Broker]) -> Iterator[Finding]:
    setting = ground.setting(ALTERNATE)
    alternate = Q(arguments__has_key=ALTERNATE)
    for one in setting:
        alternate |= Q(broker=one.broker_id, vhost=one.vhost, policy=one.name)
    bindings = Binding.objects.filter(
        broker=OuterRef("broker"), vhost=OuterRef("vhost"), source=OuterRef("name")
    )
    rows = ground.rows(Exchange, brokers).filter(~Q(name=""), ~Exists(bindings), in_rate__gt=0)
    yield from folded(
        ground, rule, rows.exclude(alternate), route="exchange", columns=["in_rate", "rates_at"],
        evidence=lambda row: f"{per_second(row['in_rate'])} published",
        worst="-in_rate", at=lambda broker: ground.rates_at.get(broker.pk),
        sentence=lambda number, name: (
            f"{many(number, name, 'exchange')} {'gets' if number == 1 else 'get'} messages and "
            f"{'has' if number == 1 else 'have'} no binding and no alternate exchange: every message is lost."
        ),
        fixes=lambda broker, vhost, found, number: [
            Fix("Create binding", link("binding_create", broker=broker.pk, vhost=vhost, source=found[0]["name"]),
                Permission.BINDINGS_EDIT),
        ] if number == 1 else [],
    )  # fmt: skip


def _dropped(ground: Ground, rule: Rule, brokers: Sequence[Broker]) -> Iterator[Finding]:
    rows = ground.rows(Exchange, brokers).filter(Q(dropped_rate__gt=0) | Q(returned_rate__gt=0))
    bound = Binding.objects.filter(
        broker=OuterRef("broker"), vhost=OuterRef("vhost"), source=OuterRef("name")
    )
    # Those without any binding are a finding of their own.
    rows = rows.filter(Q(name="") | Exists(bound))
    yield from folded(
        ground, rule, rows, route="exchange", columns=["dropped_rate", "returned_rate"],
        evidence=lambda row: f"{per_second(row['dropped_rate'])} dropped, {per_second(row['returned_rate'])} returned",
        worst="-dropped_rate", at=lambda broker: ground.rates_at.get(broker.pk),
        sentence=lambda number, name: (
            f"{many(number, name, 'exchange')} {'gets' if number == 1 else 'get'} messages that match no binding."
        ),
        fixes=lambda broker, vhost, found, number: [
            Fix("Create binding", link("binding_create", broker=broker.pk, vhost=vhost, source=found[0]["name"]),
                Permission.BINDINGS_EDIT),
        ] if number == 1 and found[0]["name"] else [],
    )  # fmt: skip


def _unread(ground: Ground, rule: Rule, brokers: Sequence[Broker]) -> Iterator[Finding]:
    rows = ground.rows(Queue, brokers).filter(consumers=0, publish_rate__gt=0)
    # A stream keeps its messages whoever reads them.
    rows = rows.exclude(type="stream")
    # What is fetched one by one has no consumer.
    rows = rows.exclude(get_rate__gt=0)
    yield from folded(
        ground, rule, rows, columns=["publish_rate", "total", "growth_5m"], worst="-publish_rate",
        evidence=lambda row: f"{per_second(row['publish_rate'])} in, {_count(row['total'])} messages, "
        f"{_growth(row['growth_5m'])}",
        at=lambda broker: ground.rates_at.get(broker.pk),
        sentence=lambda number, name: (
            f"{many(number, name, 'queue')} {'is' if number == 1 else 'are'} published to and "
            f"{'has' if number == 1 else 'have'} no consumer."
        ),
        fixes=lambda broker, vhost, found, number: [
            Fix("Create policy with a limit", link("policy_create", broker=broker.pk, vhost=vhost),
                Permission.POLICIES_EDIT),
        ],
    )  # fmt: skip


def _redelivered(ground: Ground, rule: Rule, brokers: Sequence[Broker]) -> Iterator[Finding]:
    rows = ground.rows(Queue, brokers).filter(
        redeliver_rate__gte=_REDELIVERIES, redeliver_rate__gt=F("deliver_rate") * 0.5
    )
    yield from folded(
        ground, rule, rows, columns=["redeliver_rate", "deliver_rate", "ack_rate"],
        worst="-redeliver_rate", at=lambda broker: ground.rates_at.get(broker.pk),
        evidence=lambda row: f"{per_second(row['redeliver_rate'])} redelivered of "
        f"{per_second(row['deliver_rate'])} delivered, {per_second(row['ack_rate'])} acked",
        sentence=lambda number, name: (
            f"{many(number, name, 'queue')} {'redelivers' if number == 1 else 'redeliver'} most messages: "
            "consumers return them instead of acknowledging."
        ),
    )  # fmt: skip


def _count(value: Any) -> str:
    return "unknown" if value is None else f"{value:,}"


def _growth(value: int | None) -> str:
    return "growth unknown" if value is None else f"{value:+,} in 5 min"


_SEEN = (Permission.QUEUES_VIEW,)
RULES = (
    Rule(
        name="unbound-exchange", title="Exchange without bindings gets messages", harm=Harm.LOSS,
        why="RabbitMQ drops a message that no binding matches, and confirms it to the publisher unless "
        "it was published as mandatory.",
        needs=("exchanges", "bindings", "rates"), rights=_SEEN, judge=_unbound,
    ),
    Rule(
        name="unroutable-messages", title="Messages match no binding", harm=Harm.LOSS,
        why="Unroutable messages are dropped, or returned to publishers that set mandatory.",
        needs=("exchanges", "bindings", "rates"), rights=_SEEN, judge=_dropped,
    ),
    Rule(
        name="no-consumer", title="Queue gets messages and has no consumer", harm=Harm.STOPPED,
        why="The queue grows until a limit, or the node's memory or disk, stops it.",
        needs=("queues", "consumers", "rates"), rights=_SEEN, judge=_unread,
    ),
    Rule(
        name="redelivery-churn", title="Most deliveries are redeliveries", harm=Harm.WASTE,
        why="A consumer that returns what it can't process gets it again at once. That costs CPU and "
        "network, and hides a message that can never be processed.",
        needs=("queues", "rates"), rights=_SEEN, judge=_redelivered,
    ),
)  # fmt: skip
