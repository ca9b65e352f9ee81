"""What changes with a binding, as last seen on its broker."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from console.engine.supported import facts_of_version
from console.errors import InvalidField
from console.faces.pages.words import counted
from console.kinds.binding import BINDING
from console.kinds.common.kind import Key, Ref, Spec
from console.models import Broker
from console.reconcile.judge import faults_of
from vhosts.models import Binding, Exchange, Queue

#: Types whose bindings ignore arguments, or the routing key.
_IGNORE_ARGUMENTS = ("direct", "fanout", "topic")
_IGNORE_KEY = ("fanout", "headers")


def check(broker: Broker, key: Key, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields: none. Raises InvalidField for what RabbitMQ refuses of a binding from an
    exchange of this type, as last seen."""
    vhost, source = key[:2]
    rows = Exchange.objects.filter(broker=broker, vhost=vhost, name=source)
    seen = {"type": of_type} if (of_type := rows.values_list("type", flat=True).first()) else {}
    facts = replace(facts_of_version(broker), other=lambda kind, of: seen)
    for fault in faults_of(Ref(BINDING.name, key), {}, facts):
        if fault.refuses:
            raise InvalidField(fault.field, fault.sentence)
    return dict(fields)


def notes(broker: Broker, key: Key, spec: Spec | None) -> Iterable[str]:
    """Yield what of a new binding has no effect, and which end isn't known."""
    if spec is None:
        return
    vhost, source, destination_type, destination, routing_key, text = key
    here = {"broker": broker, "vhost": vhost}
    of_type = Exchange.objects.filter(**here, name=source).values_list("type", flat=True).first()
    if of_type is None and broker.status.knows("exchanges"):
        yield f"The exchange {source} wasn't there in the last inventory. RabbitMQ refuses a binding from it."
    rows = (
        Exchange.objects.filter(**here)
        if destination_type == "exchange"
        else Queue.objects.present().filter(**here)
    )
    part = "exchanges" if destination_type == "exchange" else "queues"
    if broker.status.knows(part) and not rows.filter(name=destination).exists():
        yield (
            f"The {destination_type} {destination} wasn't there in the last inventory. RabbitMQ refuses a "
            "binding to it."
        )
    if of_type in _IGNORE_KEY and routing_key:
        yield f"The exchange is of type {of_type}, which ignores the routing key."
    if of_type in _IGNORE_ARGUMENTS and json.loads(text):
        yield f"The exchange is of type {of_type}, which ignores the arguments."


def dies(broker: Broker, key: Key, spec: Spec | None) -> Iterable[str]:
    """Yield what a deletion changes for the destination."""
    vhost, source, destination_type, destination = key[:4]
    if why := broker.status.why_unknown("bindings"):
        yield f"Which other bindings there are is unknown. {why}"
        return
    left = Binding.objects.filter(
        broker=broker, vhost=vhost, destination_type=destination_type, destination=destination
    ).count()
    same = Binding.objects.filter(
        broker=broker, vhost=vhost, source=source, destination_type=destination_type,
        destination=destination,
    ).count()  # fmt: skip
    if same > 1:
        others = counted(same - 1, "other binding")
        yield f"{source} still routes to the {destination_type} {destination} through {others}."
    elif left > 1:
        yield f"{source} no longer routes to the {destination_type} {destination}; other exchanges still do."
    elif destination_type == "queue":
        yield (
            f"It is the only binding of the queue {destination}. Messages then reach it through the default "
            "exchange only."
        )
    else:
        yield f"It is the only binding to the exchange {destination}. No other exchange routes to it then."
    automatic = Exchange.objects.filter(broker=broker, vhost=vhost, name=source, auto_delete=True)
    from_source = Binding.objects.filter(broker=broker, vhost=vhost, source=source).count()
    if from_source == 1 and automatic.exists():
        yield f"RabbitMQ deletes the exchange {source} with it: it is auto-delete and this is its last binding."
