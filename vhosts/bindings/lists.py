"""Columns and filters of the list of bindings. The orders have an index, and the filters by name are
exact, so that 100,000 bindings stay usable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from accessctl.authorize import may
from accessctl.rights import Permission
from console.faces.lists import Column, Filter, ListSpec, contains, equals
from console.faces.objects import cells
from vhosts.bindings.panel import link_ends
from vhosts.models import Binding

TYPES = {"queue": "Queues", "exchange": "Exchanges"}
#: Most bindings that are deleted by one change from the list.
MOST_AT_ONCE = 500

LISTING = ListSpec(
    name="bindings",
    default_sort="source",
    tiebreak=("destination", "id"),
    columns=[
        Column(
            key="source",
            label="From exchange",
            order=["source"],
            value=lambda row: row.source,
        ),
        Column(
            key="destination",
            label="To",
            order=["destination", "source"],
            value=lambda row: row.destination,
        ),
        Column(
            key="destination_type",
            label="Type",
            value=lambda row: row.destination_type,
            help="Whether it routes to a queue or to another exchange.",
        ),
        Column(
            key="routing_key",
            label="Routing key",
            order=["routing_key"],
            value=lambda row: row.routing_key,
        ),
        Column(
            key="arguments",
            label="Arguments",
            value=lambda row: row.arguments,
            cell=lambda row: cells.table(row.table),
        ),
        Column(key="vhost", label="Virtual host", order=["vhost"], value=lambda row: row.vhost),
        cells.broker_column(),
        Column(
            key="first_seen",
            label="First seen",
            order=["first_seen_at"],
            value=lambda row: row.first_seen_at,
            shown=False,
            descending_first=True,
        ),
        cells.sync_column(),
    ],
    filters=[
        Filter(
            key="search",
            label="Name or key",
            where=contains("source", "destination", "routing_key"),
            help="Part of the source, the destination or the routing key.",
        ),
        Filter(key="source", label="From exchange", where=equals("source"), help="The whole name."),
        Filter(key="destination", label="To", where=equals("destination"), help="The whole name."),
        Filter(
            key="routing_key",
            label="Routing key",
            where=equals("routing_key"),
            help="The whole routing key.",
        ),
        Filter(
            key="destination_type",
            label="Destination",
            kind="choice",
            choices=TYPES,
            where=equals("destination_type"),
        ),
        Filter(
            key="with_arguments",
            label="With arguments",
            kind="flag",
            where=lambda _: ~equals("arguments")("{}"),
            help="Such as those of headers exchanges.",
        ),
    ],
)


def context(rows: Sequence[Binding], user: Any) -> Mapping[str, Any]:
    """Return whether the person may unbind any of the rows, and link their ends."""
    link_ends(list(rows))
    return {
        "may_unbind": may(user, Permission.BINDINGS_EDIT) and bool(rows),
        "most_at_once": MOST_AT_ONCE,
    }
