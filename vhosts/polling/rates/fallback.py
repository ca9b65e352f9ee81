"""Rates of exchanges from the management API, for brokers without the Prometheus plugin.

Queues have none then: the API's listing of them costs a broker 20 times as much as a scrape.
"""

from __future__ import annotations

from collections.abc import Mapping

from console.rabbitmq.errors import BrokerError
from console.rabbitmq.management.client import ManagementClient
from console.rabbitmq.types import Overview

#: With more exchanges, the listing isn't read at each poll.
_AT_MOST = 2_000

#: In and out in messages a second, by (vhost, exchange).
Published = Mapping[tuple[str, str], tuple[float, float]]


def read_published(client: ManagementClient, overview: Overview) -> Published | None:
    """Return the rates of exchanges; None if the broker doesn't count them or they can't be read."""
    counts = overview.stats_enabled and overview.rates_mode != "none"
    if not counts or overview.exchanges is None or overview.exchanges > _AT_MOST:
        return None
    try:
        listing = client.published()
    except BrokerError:
        return None
    return dict(listing.items) if listing.complete else None
