"""How near virtual hosts and users are to their limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Count

from accessctl.authorize import AnyUser
from console.brokers.fresh import Reading, read_fresh
from console.models import Broker, BrokerStatus
from console.rabbitmq.management.answers import rows_of
from console.rabbitmq.management.client import ManagementClient
from console.rabbitmq.management.objects import ObjectStore
from console.scope import Scope
from vhosts.limits.find import NAMES, Limit, limited, limits_of
from vhosts.models import Queue

#: Most rows of the page; the nearest to their limits are shown.
MOST = 1_000
_QUEUES, _CONNECTIONS, _CHANNELS = "max-queues", "max-connections", "max-channels"


@dataclass(frozen=True, slots=True)
class Used:
    """Open connections by virtual host and by user, and channels by user, at one moment."""

    by_vhost: Mapping[str, int] = field(default_factory=dict)
    by_user: Mapping[str, int] = field(default_factory=dict)
    channels: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Nearness:
    """A limit and how much of it is used; None: unknown."""

    limit: Limit
    used: int | None

    @property
    def percent(self) -> int | None:
        """Of the limit, rounded down. A limit of 0 is always reached."""
        if self.used is None:
            return None
        return self.used * 100 // self.limit.value if self.limit.value else 100

    @property
    def state(self) -> str:
        """unknown, reached, near (80 % and more) or fine."""
        if self.percent is None:
            return "unknown"
        return "reached" if self.percent >= 100 else "near" if self.percent >= 80 else "fine"


def nearest(scope: Scope, viewer: AnyUser, used: Used | None) -> list[Nearness]:
    """Return the limits in scope that `viewer` may see, those with the greatest part used first and
    those of unknown use last. `used` is about the scope's broker; None: unknown. Three queries."""
    limits: list[Limit] = []
    for kind in NAMES:
        owners = limited(kind, viewer).filter(broker__in=scope.brokers(viewer))
        found = limits_of(kind, owners)
        if scope.vhost is not None:
            found = [one for one in found if one.vhost == scope.vhost]
        limits += found
    queues = _queues(limits)
    rows = [Nearness(one, _used(one, queues, used)) for one in limits]
    rows.sort(key=lambda row: -1 if row.percent is None else row.percent, reverse=True)
    return rows[:MOST]


def _queues(limits: Iterable[Limit]) -> dict[tuple[int, str], int]:
    brokers = {one.broker_id for one in limits if one.name == _QUEUES}
    counts = Queue.objects.present().filter(broker__in=brokers).order_by()
    rows = counts.values_list("broker", "vhost").annotate(number=Count("pk"))
    return {(broker, vhost): number for broker, vhost, number in rows}


def _used(limit: Limit, queues: Mapping[tuple[int, str], int], used: Used | None) -> int | None:
    if limit.name == _QUEUES:
        number = queues.get((limit.broker_id, limit.owner_name), 0)
        status: BrokerStatus = limit.owner.broker.status
        return status.counted("queues", number)
    if used is None:
        return None
    if limit.name == _CHANNELS:
        return used.channels.get(limit.owner_name, 0)
    if limit.name == _CONNECTIONS:
        return (used.by_user if limit.vhost is None else used.by_vhost).get(limit.owner_name, 0)
    return None


def read_used(broker: Broker, *, now: datetime) -> Reading[Used]:
    """Count the broker's open connections and channels now; trouble is part of the answer."""
    return read_fresh("limits-used", broker, _read, now=now, missing="Not reported.")


def _read(client: ManagementClient) -> Used:
    rows = rows_of(
        ObjectStore(client.http).get("connections", query={"columns": "vhost,user,channels"})
    )
    channels: Counter[str] = Counter()
    for row in rows:
        if isinstance(row.get("user"), str) and isinstance(row.get("channels"), int):
            channels[row["user"]] += row["channels"]
    return Used(Counter(_texts(rows, "vhost")), Counter(_texts(rows, "user")), channels)


def _texts(rows: Iterable[dict[str, Any]], name: str) -> list[str]:
    return [row[name] for row in rows if isinstance(row.get(name), str)]
