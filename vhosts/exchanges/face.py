"""How exchanges are mirrored, listed, shown and changed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import Model, Q
from django.urls import reverse
from django.utils.html import format_html, format_html_join

from accessctl.authorize import may
from accessctl.rights import Permission
from console.faces.drawing import Fact, Input, ListPage, Panel
from console.faces.face import Face, NextStep, Rights, Rules
from console.faces.mirror import Mirror, Reading
from console.faces.objects import cells
from console.kinds.exchange import EXCHANGE, PREDECLARED
from console.rabbitmq.cluster import ClusterView
from console.rabbitmq.types import ExchangeInfo
from vhosts.bindings.panel import bindings_at
from vhosts.exchanges import rules
from vhosts.exchanges.counts import annotated, bindings_of
from vhosts.exchanges.forms import EXCHANGE_FORM, MEANINGS
from vhosts.exchanges.lists import (
    DEFAULT,
    LISTING,
    RATES,
    alternate_cell,
    bindings_url,
    features,
    rate_cell,
)
from vhosts.models import Exchange
from vhosts.policies.panels import EXCHANGE_IN_FORCE
from vhosts.polling.totals import take_off
from vhosts.topology.panel import references_panel
from vhosts.topology.references import dies

_ABOUT = "An exchange routes messages to queues and other exchanges by its bindings."


def _row(exchange: ExchangeInfo, view: ClusterView) -> tuple[Any, ...]:
    return (
        exchange.vhost,
        exchange.name,
        exchange.type,
        exchange.durable,
        exchange.auto_delete,
        exchange.internal,
        dict(exchange.arguments),
        exchange.policy or "",
    )


def _drop(model: type[Model], broker_id: int, which: Q, now: datetime) -> None:
    deleted, _ = Exchange.objects.filter(which, broker=broker_id).delete()
    take_off(broker_id, exchanges=deleted)


def _type_cell(row: Exchange) -> Any:
    meaning = MEANINGS.get(row.type)
    said = f": routes {meaning}" if meaning else ""
    return format_html('<span class="tag">{}</span>{}', cells.name(row.type), said)


def _features_cell(row: Exchange) -> Any:
    found = [meaning for _, meaning in features(row)]
    return " ".join(found) or cells.none()


def _rates_cell(row: Exchange) -> Any:
    if all(getattr(row, f"{kind}_rate") is None for kind, _, _ in RATES):
        return rate_cell("in_rate", row)
    parts = [
        format_html("{} {}", rate_cell(f"{kind}_rate", row), label.removesuffix("/s").lower())
        for kind, label, _ in RATES
    ]
    return format_html_join(" · ", "{}", ((part,) for part in parts))


def _origin_cell(row: Exchange) -> str:
    if row.name == "":
        return (
            "The default exchange: RabbitMQ binds every queue to it with the queue's name as the routing key. "
            "Nothing else can be bound to it, and it can't be deleted."
        )
    if row.name in PREDECLARED:
        return "Predeclared: every virtual host has it from the start, and it can't be deleted."
    return "Declared by a client, a definitions file or the console."


def _bindings(row: Exchange) -> Mapping[str, Any]:
    counts = bindings_of(row.broker, row.vhost, row.name)
    ends = {
        end: bindings_at(
            broker=row.broker,
            vhost=row.vhost,
            where={"source": row.name}
            if end == "source"
            else {"destination_type": "exchange", "destination": row.name},
            total=counts[end],
        )
        for end in ("source", "destination")
    }
    return {
        "bindings_from": ends["source"],
        "bindings_to": ends["destination"],
        "bindings_from_url": bindings_url(row, "source"),
        "bindings_to_url": bindings_url(row, "destination"),
        "is_default": row.name == "",
        "bindings_unknown": row.broker.status.why_unknown("bindings"),
    }


def _may_bind(row: Exchange, user: Any) -> Mapping[str, Any]:
    rights = (Permission.EXCHANGES_EDIT, Permission.BINDINGS_EDIT)
    edits, binds = (may(user, right, row.broker, row.vhost) for right in rights)
    replaces = edits and binds and not EXCHANGE.permanent((row.vhost, row.name))
    return {
        "may_bind": binds,
        "may_publish": not row.internal
        and may(user, Permission.MESSAGES_PUBLISH, row.broker, row.vhost),
        "replace_url": reverse("exchange_replace", args=[row.pk]) if replaces else "",
    }


def _references(row: Exchange, user: Any) -> Mapping[str, Any]:
    return references_panel(EXCHANGE.name, row, user)


EXCHANGES = Face(
    kind=EXCHANGE,
    model=Exchange,
    rights=Rights(
        view=Permission.QUEUES_VIEW,
        create=Permission.EXCHANGES_EDIT,
        edit=Permission.EXCHANGES_EDIT,
        delete=Permission.EXCHANGES_EDIT,
    ),
    slug="exchanges",
    listing=LISTING,
    list_page=ListPage(annotated=annotated),
    inputs=[
        Input(name="vhost", label="Virtual host", help="An exchange belongs to one virtual host."),
        Input(name="name", label="Name", help="1 to 255 bytes; not beginning with amq."),
        Input(
            name="type",
            label="Type",
            help="How it routes: direct, fanout, topic, headers, or a type of a plugin.",
        ),
        Input(name="durable", label="Durable", help="Whether it survives a restart of the broker."),
        Input(
            name="auto_delete",
            label="Auto-delete",
            help="Whether it is deleted with its last binding to a destination.",
        ),
        Input(name="internal", label="Internal", help="Whether clients can't publish to it."),
        Input(
            name="arguments",
            label="Arguments",
            help="Such as alternate-exchange: the exchange that gets what this one can't route.",
            widget="table",
        ),
    ],
    form=EXCHANGE_FORM,
    facts=[
        Fact(label="Type", cell=_type_cell),
        Fact(label="Features", cell=_features_cell),
        Fact(label="Rates", cell=_rates_cell),
        Fact(label="Alternate exchange", cell=alternate_cell),
        Fact(label="Arguments", cell=lambda row: cells.table(row.arguments)),
        Fact(
            label="Policy",
            cell=lambda row: cells.name(row.policy) if row.policy else cells.none(),
        ),
        Fact(label="Origin", cell=_origin_cell),
    ],
    rules=Rules(dies=dies(EXCHANGE.name), guard=rules.guard, in_use=rules.in_use),
    mirror=Mirror(
        # Which policy applies isn't part of the desired state: the inventory reads it.
        given={"policy": "''"},
        reading=Reading(items=lambda client: client.exchanges(), row=_row),
        drop=_drop,
        declared_by_clients=True,
    ),
    panels=[
        Panel(template="vhosts/_exchange_bindings.html", context=_bindings, for_person=_may_bind),
        EXCHANGE_IN_FORCE,
        Panel(template="vhosts/_references.html", context=lambda row: {}, for_person=_references),
    ],
    then=[
        NextStep(
            label="Bind it",
            route="binding_create",
            right=Permission.BINDINGS_EDIT,
            parameters={"vhost": "vhost", "source": "name"},
        )
    ],
    title=lambda key: key[1] or DEFAULT,
    icon="arrows-pointing-out",
    forced="Delete it with its bindings",
    about=_ABOUT,
    empty=_ABOUT,
)
