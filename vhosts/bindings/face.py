"""How bindings are mirrored, listed, shown and changed."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.html import format_html

from accessctl.rights import Permission
from console.faces.drawing import Fact, Input, ListPage
from console.faces.face import Face, Rights, Rules
from console.faces.mirror import Mirror
from console.faces.objects import cells
from console.kinds.binding import BINDING
from vhosts.bindings import rules
from vhosts.bindings.by_exchange import bindings_by_exchange
from vhosts.bindings.forms import BINDING_FORM
from vhosts.bindings.lists import LISTING, context
from vhosts.bindings.panel import link_ends
from vhosts.models import Binding

_ABOUT = "A binding makes an exchange route messages to a queue or another exchange."


def _ends(row: Binding) -> Any:
    link_ends([row])
    source, destination = (
        _link("exchange", row.source_id, row.source),
        _link(row.destination_type, row.destination_id, row.destination),
    )
    return format_html("{} routes to the {} {}", source, row.destination_type, destination)


def _link(kind: str, pk: int | None, name: str) -> Any:
    if pk is None:
        return cells.name(name)
    return format_html('<a href="{}">{}</a>', reverse(kind, args=[pk]), cells.name(name))


def _siblings(row: Binding) -> Any:
    where = {"broker": row.broker_id, "vhost": row.vhost}
    from_it = urlencode({**where, "source": row.source})
    to_it = urlencode(
        {**where, "destination": row.destination, "destination_type": row.destination_type}
    )
    return format_html(
        '<a href="{0}?{1}">From the same exchange</a>, <a href="{0}?{2}">to the same {3}</a>',
        reverse("bindings"), from_it, to_it, row.destination_type,
    )  # fmt: skip


BINDINGS = Face(
    kind=BINDING,
    model=Binding,
    rights=Rights(
        view=Permission.QUEUES_VIEW,
        create=Permission.BINDINGS_EDIT,
        edit=Permission.BINDINGS_EDIT,
        delete=Permission.BINDINGS_EDIT,
    ),
    slug="bindings",
    listing=LISTING,
    list_page=ListPage(
        rows="vhosts/_binding_rows.html", acts="vhosts/_binding_acts.html", context=context
    ),
    inputs=[
        Input(name="vhost", label="Virtual host", help="Both ends are in one virtual host."),
        Input(name="source", label="From exchange", help="The exchange that routes."),
        Input(
            name="destination_type",
            label="To a",
            help="queue or exchange.",
            widget="choice",
            choices={"queue": "Queue", "exchange": "Exchange"},
        ),
        Input(name="destination", label="Destination", help="The queue or exchange that gets the messages."),
        Input(
            name="routing_key", label="Routing key", help="At most 255 bytes; may be empty.", optional=True
        ),
        Input(
            name="arguments",
            label="Arguments",
            help="Such as x-match and the headers that a headers exchange compares.",
            widget="table",
            optional=True,
        ),
    ],
    form=BINDING_FORM,
    facts=[
        Fact(label="Route", cell=_ends),
        Fact(label="Arguments", cell=lambda row: cells.table(row.table)),
        Fact(label="Other bindings", cell=_siblings),
    ],
    rules=Rules(check=rules.check, notes=rules.notes, dies=rules.dies),
    mirror=Mirror(
        declared_by_clients=True,
        searched=("source", "destination", "routing_key"),
        rows=bindings_by_exchange,
    ),
    title=lambda key: f"{key[1]} → {key[3]}",
    typed_at=3,
    tab_of="exchange",
    icon="link",
    about=_ABOUT,
    empty=_ABOUT,
)  # fmt: skip
