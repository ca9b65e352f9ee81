"""How shovels are listed, shown and changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.html import format_html

from accessctl.rights import Permission
from console.faces.drawing import Fact, Input, Panel
from console.faces.face import Face, Rights, Rules
from console.faces.lists import Column, Filter, ListSpec, contains, equals
from console.faces.mirror import Mirror, Reading
from console.faces.objects import cells
from console.faces.templatetags.warren import state_badge, unknown
from console.kinds.common.kind import Key, Spec
from console.kinds.parameters.shovel import SHOVEL
from console.models import Broker
from console.rabbitmq.cluster import ClusterView
from console.rabbitmq.management.client import ManagementClient
from console.rabbitmq.types import Listing
from vhosts.models import Shovel
from vhosts.parameters.rules import check
from vhosts.polling.inventory.parts import read_whole, row_of
from vhosts.shovels.form import SHOVEL_FORM
from vhosts.shovels.states import NONE, read_states

_STATES = {
    "running": "Running",
    "starting": "Starting",
    "terminated": "Terminated",
    NONE: "Not started",
    "": "Unknown",
}


def _items(client: ManagementClient) -> Listing[tuple[Key, Spec, tuple[str, str, str]]]:
    listing = read_whole(SHOVELS, client)
    states = read_states(client) if listing.items else None
    return Listing(
        [(key, spec, states.of(key)) for key, spec in listing.items] if states else [],
        rejected=listing.rejected,
        complete=listing.complete,
    )


def _row(item: tuple[Key, Spec, tuple[str, str, str]], view: ClusterView) -> tuple[Any, ...]:
    key, spec, state = item
    return (*row_of(SHOVELS, key, spec), *state)


def end_of(value: Mapping[str, Any], end: str) -> str:
    """Return what a shovel's end is in words: "queue orders"."""
    for name, word in (("queue", "queue"), ("exchange", "exchange"), ("address", "address")):
        if isinstance(value.get(f"{end}-{name}"), str):
            return f"{word} {value[f'{end}-{name}']}"
    return "its messages' own exchange" if end == "dest" else ""


def state_of(row: Any) -> Any:
    """Return the state of a shovel as a badge, or why it is unknown."""
    if not row.state:
        return unknown(row.reason or "No inventory has read it yet.")
    return state_badge("not_started" if row.state == NONE else row.state, "", row.reason)


def _advice(row: Any) -> Any:
    if row.state == "starting":
        advice = (
            "If it stays so, it can't connect: check the URIs, their username and password, and "
            "whether this broker reaches the other host."
        )
    elif row.state == "terminated":
        advice = "It stopped after an error. Repair the cause, then restart it or edit it."
    elif row.state == NONE:
        advice = "RabbitMQ reports no such shovel yet. It starts one a moment after it is created."
    else:
        advice = ""
    said = row.reason if row.state else ""
    if not said and not advice:
        return format_html('<span class="muted">{}</span>', "none")
    return format_html("{}{}{}", said, " · " if said and advice else "", advice)


def _uris(value: Any) -> Any:
    uris = value if isinstance(value, list) else [value]
    return format_html("<code>{}</code>", ", ".join(str(uri) for uri in uris if uri))


def dies(broker: Broker, key: Key, spec: Spec | None) -> Iterable[str]:
    yield "Messages are no longer moved. Those on their way return to the source."


_LISTING = ListSpec(
    name="shovels",
    default_sort="name",
    tiebreak=("broker__name", "vhost", "id"),
    columns=[
        cells.name_column(),
        cells.vhost_column(),
        cells.broker_column(),
        Column(
            key="state",
            label="State",
            order=["state", "name"],
            value=lambda row: row.state or None,
            cell=state_of,
            help="As RabbitMQ reported it with the last inventory.",
        ),
        Column(
            key="source",
            label="Source",
            value=lambda row: end_of(row.value, "src"),
            cell=lambda row: cells.name(end_of(row.value, "src")),
        ),
        Column(
            key="destination",
            label="Destination",
            value=lambda row: end_of(row.value, "dest"),
            cell=lambda row: cells.name(end_of(row.value, "dest")),
        ),
        Column(
            key="reason",
            label="Reason",
            value=lambda row: row.reason or None,
            cell=lambda row: cells.name(row.reason, 60) if row.state else "",
            shown=False,
        ),
        cells.sync_column(),
    ],
    filters=[
        Filter(key="search", label="Name", where=contains("name"), help="Part of the name."),
        Filter(
            key="state",
            label="State",
            kind="choice",
            choices={name: label for name, label in _STATES.items() if name},
            where=equals("state"),
            others=True,
        ),
    ],
)
SHOVELS = Face(
    kind=SHOVEL,
    model=Shovel,
    rights=Rights(
        view=Permission.PARAMETERS_VIEW,
        # It connects elsewhere, beyond the virtual host.
        create=Permission.BROKERS_EDIT,
        edit=Permission.BROKERS_EDIT,
        delete=Permission.BROKERS_EDIT,
    ),
    slug="shovels",
    listing=_LISTING,
    inputs=(
        Input(name="vhost", label="Virtual host", help="The virtual host.", offers="vhosts"),
        Input(name="name", label="Name", help="1 to 255 bytes. A name can't be changed later."),
        Input(
            name="value",
            label="Settings",
            help="As in RabbitMQ's parameter: src-uri, src-queue, dest-uri, dest-queue and others. "
            "Passwords in URIs are written, never read; a URI without username and password keeps "
            "those on the broker.",
        ),
    ),
    form=SHOVEL_FORM,
    facts=(
        Fact(label="State", cell=state_of),
        Fact(label="Reason and advice", cell=_advice),
        Fact(label="Node", cell=lambda row: cells.name(row.node) if row.node else unknown()),
        Fact(label="Source", cell=lambda row: cells.name(end_of(row.value, "src"), 120)),
        Fact(label="Source URI", cell=lambda row: _uris(row.value.get("src-uri"))),
        Fact(label="Destination", cell=lambda row: cells.name(end_of(row.value, "dest"), 120)),
        Fact(label="Destination URI", cell=lambda row: _uris(row.value.get("dest-uri"))),
        Fact(label="Settings", cell=lambda row: cells.table(row.value)),
    ),
    rules=Rules(check=check, dies=dies),
    panels=(Panel(template="vhosts/_shovel_restart.html", context=lambda row: {}),),
    mirror=Mirror(
        columns=("value",),
        to_spec=lambda row: {"value": row.value},
        given={"state": "''", "reason": "''", "node": "''"},
        reading=Reading(items=_items, row=_row),
    ),
    icon="arrows-right-left",
    place="Shovels and federation",
    beside=(("Links", "federation_links"),),
    about="A shovel moves messages from one queue or exchange to another, also between brokers.",
    empty="A shovel moves messages from one queue or exchange to another, also between brokers.",
)
