"""The channels and connections of a virtual host, read live once for everybody who looks at one of
its queues."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256

from console.brokers.fresh import Reading, read_fresh
from console.models import Broker
from console.rabbitmq.management.client import ManagementClient
from console.rabbitmq.types import ChannelNow

#: With more channels on the broker, listing those of one virtual host costs it too much.
MOST_CHANNELS = 2_000


@dataclass(frozen=True, slots=True)
class Clients:
    """Channels by name; connections by name, with the name that the client gave, or ""."""

    channels: Mapping[str, ChannelNow] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)


def too_many(broker: Broker) -> bool:
    return (broker.status.channels or 0) > MOST_CHANNELS


def read_clients(broker: Broker, vhost: str, *, now: datetime) -> Reading[Clients]:
    """Read them, or return what somebody read within console.brokers.fresh.SHARED_FOR."""
    # A cache's keys can't have every character of a name.
    digest = sha256(vhost.encode("utf-8", "surrogatepass")).hexdigest()[:20]
    return read_fresh(
        f"vhost-clients-{digest}",
        broker,
        lambda client: _read(client, vhost),
        now=now,
        missing="The virtual host no longer exists on the broker.",
    )


def _read(client: ManagementClient, vhost: str) -> Clients:
    channels = client.channels_now(vhost)
    names = client.client_names(vhost)
    return Clients({one.name: one for one in channels.items}, dict(names.items))
