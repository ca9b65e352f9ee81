"""Read one exchange and what is bound to it, as they are now."""

from __future__ import annotations

from console.rabbitmq.management.client import ManagementClient
from console.rabbitmq.management.paths import path
from console.rabbitmq.management.readings import BINDINGS, EXCHANGES
from console.rabbitmq.types import Binding, ExchangeInfo, Listing


def exchange_now(client: ManagementClient, vhost: str, name: str) -> ExchangeInfo:
    """Return an exchange. Raises NotFound and other BrokerErrors."""
    body = client.get_named(path("exchanges", vhost, name), vhost, name)
    return EXCHANGES.one(body, client.endpoint.limits)


def bindings_from(client: ManagementClient, vhost: str, name: str) -> Listing[Binding]:
    """Return the bindings from an exchange. Raises BrokerError."""
    where = path("exchanges", vhost, name, "bindings", "source")
    return BINDINGS.listing(client.get_named(where, vhost, name), client.endpoint.limits)
