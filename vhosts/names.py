"""Names to suggest in forms: what a person can see on a broker."""

from __future__ import annotations

from typing import Any

from accessctl.authorize import AnyUser
from console.models import Broker
from vhosts.models import Exchange, Queue, VirtualHost

#: More suggestions than this slow a browser down.
MOST = 500


def vhost_names(broker: Broker, user: AnyUser) -> list[str]:
    return _first(VirtualHost.objects.visible_to(user).filter(broker=broker))


def exchange_names(broker: Broker, vhost: str | None, user: AnyUser) -> list[str]:
    """Return exchanges with a name; of one virtual host, if it is known."""
    return _first(_within(Exchange.objects.visible_to(user), broker, vhost).exclude(name=""))


def queue_names(broker: Broker, vhost: str | None, user: AnyUser) -> list[str]:
    return _first(_within(Queue.objects.present().visible_to(user), broker, vhost))


def _within(rows: Any, broker: Broker, vhost: str | None) -> Any:
    found = rows.filter(broker=broker)
    if vhost and "\0" in vhost:  # Postgres can't store it, so no name is there
        return found.none()
    return found.filter(vhost=vhost) if vhost else found


def _first(rows: Any) -> list[str]:
    names = rows.order_by("name").values_list("name", flat=True).distinct()
    return list(names[:MOST])
