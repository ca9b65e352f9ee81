"""Bindings at one end of an object, for a panel of its page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from accessctl.authorize import AnyUser, may
from accessctl.rights import Permission
from console.faces.objects import cells
from console.models import Broker
from vhosts.models import Binding, Exchange, Queue

#: Rows of a panel, which links to the full list.
MOST = 25


@dataclass(frozen=True, slots=True)
class Bindings:
    """The first of an object's bindings, with the IDs of their ends, and the number of all."""

    rows: list[Binding]
    total: int

    @property
    def has_more(self) -> bool:
        return self.total > len(self.rows)


def bindings_at(*, broker: Broker, vhost: str, where: Mapping[str, Any], total: int) -> Bindings:
    """Return the first bindings that match `where`. Three queries."""
    found = Binding.objects.filter(broker=broker, vhost=vhost, **where)
    order = "destination" if "source" in where else "source"
    rows = list(found.order_by(order, "routing_key", "id")[:MOST]) if total else []
    link_ends(rows)
    return Bindings(rows, total)


def bind_links(user: AnyUser, queue: Queue) -> dict[str, str]:
    """Return the URLs to bind a queue and to unbind it; {} without the right."""
    if queue.gone_at or not may(user, Permission.BINDINGS_EDIT, queue.broker, queue.vhost):
        return {}
    end = {
        "broker": queue.broker_id,
        "vhost": queue.vhost,
        "destination_type": "queue",
        "destination": queue.name,
    }
    return {
        "bind_url": f"{reverse('binding_create')}?{urlencode(end)}",
        "unbind_url": f"{reverse('bindings')}?{urlencode(end)}",
    }


def link_ends(rows: list[Binding]) -> None:
    """Set `source_id` and `destination_id` of each row: the IDs of the mirror rows at its ends; None
    for an end that isn't known. Two queries."""
    if not rows:
        return
    brokers, vhosts = {row.broker_id for row in rows}, {row.vhost for row in rows}
    exchanges = {row.source for row in rows} | {
        row.destination for row in rows if row.destination_type == "exchange"
    }
    queues = {row.destination for row in rows if row.destination_type == "queue"}
    of_exchange = _ids(Exchange.objects.all(), brokers, vhosts, exchanges)
    of_queue = _ids(Queue.objects.present(), brokers, vhosts, queues) if queues else {}
    for row in rows:
        ends = of_exchange if row.destination_type == "exchange" else of_queue
        row.arguments_cell = cells.table(row.table)
        row.source_id = of_exchange.get((row.broker_id, row.vhost, row.source))
        row.destination_id = ends.get((row.broker_id, row.vhost, row.destination))


def _ids(
    rows: Any, brokers: set[int], vhosts: set[str], names: set[str]
) -> dict[tuple[int, str, str], int]:
    found = rows.filter(broker__in=brokers, vhost__in=vhosts, name__in=names)
    return {
        (broker, vhost, name): pk
        for pk, broker, vhost, name in found.values_list("pk", "broker", "vhost", "name")
    }
