"""What guards the deletion of an exchange, as last seen on its broker."""

from __future__ import annotations

from collections.abc import Mapping

from console.faces.pages.words import counted
from console.kinds.common.kind import Key
from console.models import Broker
from vhosts.exchanges.counts import bindings_of


def guard(broker: Broker, key: Key) -> Mapping[str, int]:
    """Return the number of bindings that are deleted with it; {} if that is unknown."""
    if broker.status.why_unknown("bindings"):
        return {}
    return {"bindings": sum(bindings_of(broker, *key).values())}


def in_use(broker: Broker, key: Key) -> str:
    """Return why RabbitMQ keeps the exchange when only unused ones are deleted; "" if it doesn't."""
    number = bindings_of(broker, *key)["source"]
    if not number:
        return ""
    return (
        f"It's the source of {counted(number, 'binding')}, so it's in use: RabbitMQ keeps it and the "
        "change is rejected."
    )
