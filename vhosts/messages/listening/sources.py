"""Which bindings a tap gets: copies of those that are there now, or one of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from console.brokers.connect import connect
from console.errors import InvalidField
from console.models import Broker
from console.rabbitmq.amqp.reading.tap import Source
from console.rabbitmq.endpoint import Timeouts
from console.rabbitmq.management.client import ManagementClient
from console.rabbitmq.management.live import bindings_from, exchange_now
from console.rabbitmq.types import Binding, ExchangeInfo
from vhosts.messages.listening.targets import COPYING_TYPES, Target
from vhosts.models import Policy

#: Most bindings that a tap copies.
MOST = 200
_DEADLINE = Timeouts(connect=2.0, read=5.0, total=8.0)
_ALTERNATE = "alternate-exchange"


@dataclass(frozen=True, slots=True)
class Sources:
    """The bindings of a tap, and sentences about what it can't hear."""

    bindings: list[Source]
    remarks: list[str]


def sources_of(broker: Broker, target: Target) -> Sources:
    """Return the bindings for a tap, read from the broker now. Raises BrokerError, ConsoleError;
    InvalidField if nothing can be tapped."""
    with connect(broker, timeouts=_DEADLINE) as client:
        if target.kind == "queue":
            return _of_queue(client, target)
        exchange = exchange_now(client, target.vhost, target.name)
        if (reason := why_not_copied(exchange.type)) is not None:
            raise InvalidField("exchange", reason)
        if target.mode == "key":
            if (reason := why_no_own_key(broker, exchange)) is not None:
                raise InvalidField("mode", reason)
            return Sources([Source(target.name, target.routing_key, target.arguments)], [])
        found = bindings_from(client, target.vhost, target.name).items
    remarks: list[str] = []
    bindings = _copies(found, remarks)
    if not bindings:
        raise InvalidField(
            "exchange",
            "Nothing is bound to this exchange, so it routes nothing. To hear what is published to it, listen "
            "with a key of your own.",
        )
    return Sources(bindings, remarks)


def _of_queue(client: ManagementClient, target: Target) -> Sources:
    found = client.queue_bindings(target.vhost, target.name).items
    remarks = ["Messages sent straight to the queue, through the default exchange, aren't heard."]
    types: dict[str, str] = {}
    wanted = []
    for binding in found:
        if binding.source == "":
            continue
        if binding.source not in types:
            types[binding.source] = exchange_now(client, target.vhost, binding.source).type
        if (reason := why_not_copied(types[binding.source])) is None:
            wanted.append(binding)
        elif reason not in remarks:
            remarks.append(reason)
    bindings = _copies(wanted, remarks)
    if not bindings:
        raise InvalidField(
            "queue",
            " ".join([*remarks[1:], "No exchange that can be tapped is bound to this queue."]),
        )
    return Sources(bindings, remarks)


def why_not_copied(exchange_type: str) -> str | None:
    """Return why an exchange of this type can't be tapped; None if it can."""
    if exchange_type in COPYING_TYPES:
        return None
    return (
        f"An exchange of type {exchange_type} can't be tapped: a further binding could take messages from "
        "those who get them now."
    )


def why_no_own_key(broker: Broker, exchange: ExchangeInfo) -> str | None:
    """Return why a tap mustn't have a key of its own on the exchange; None if it may."""
    if exchange.auto_delete:
        return (
            "This exchange is deleted with its last binding, which may be the one for listening. "
            "Listen to the existing bindings instead."
        )
    alternate: Any = exchange.arguments.get(_ALTERNATE)
    if exchange.policy and alternate is None:
        policy = Policy.objects.filter(
            broker=broker, vhost=exchange.vhost, name=exchange.policy
        ).first()
        alternate = _ALTERNATE if policy is None else policy.definition.get(_ALTERNATE)
    if alternate is not None:
        return (
            "This exchange has an alternate exchange, which wouldn't get what only your key fits. "
            "Listen to the existing bindings instead."
        )
    return None


def _copies(found: list[Binding], remarks: list[str]) -> list[Source]:
    """Return copies without doubles. RabbitMQ routes one message at most once to a queue."""
    seen: list[Source] = []
    for binding in found:
        # The API writes 64-bit floats and nested tables in a way that doesn't tell their type.
        if any(isinstance(value, float | list | dict) for value in binding.arguments.values()):
            remarks.append("Bindings with fractions, lists or tables as arguments aren't copied.")
            continue
        copy = Source(binding.source, binding.routing_key, dict(binding.arguments))
        if copy not in seen:
            seen.append(copy)
    if len(seen) > MOST:
        remarks.append(f"Only {MOST} of {len(seen):,} bindings are copied.")
    return seen[:MOST]
