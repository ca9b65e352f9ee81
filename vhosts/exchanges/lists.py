"""Columns and filters of the list of exchanges."""

from __future__ import annotations

from functools import partial
from operator import attrgetter
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from console.faces.lists import Column, Filter, ListSpec, contains, equals
from console.faces.objects import cells
from console.faces.templatetags.warren import rate
from console.kinds.exchange import KNOWN_TYPES, PREDECLARED
from vhosts.exchanges.counts import alternate_of, unbound
from vhosts.models import Exchange

DEFAULT = "(default exchange)"
_WITH, _WITHOUT = "yes", "no"


def name(row: Exchange) -> SafeString:
    """Return the exchange's name; the default exchange has none."""
    if row.name == "":
        return format_html('<span class="name-empty">{}</span>', DEFAULT)
    return cells.name(row.name)


def features(row: Exchange) -> list[tuple[str, str]]:
    """Return the exchange's features as short marks with their meaning. Only known ones."""
    return [
        (mark, meaning)
        for flag, mark, meaning in (
            (row.durable, "D", "Durable: the exchange survives a restart of the broker."),
            (row.auto_delete, "AD", "Auto-delete: deleted with its last binding to a destination."),
            (row.internal, "I", "Internal: clients can't publish to it, only other exchanges route to it."),
        )
        if flag
    ]  # fmt: skip


def features_cell(row: Exchange) -> SafeString:
    return format_html_join(
        " ", '<span class="tag" tabindex="0" data-tip="{}">{}</span>',
        ((meaning, mark) for mark, meaning in features(row)),
    )  # fmt: skip


def alternate_cell(row: Exchange) -> SafeString:
    """Return the alternate exchange with what sets it."""
    found, source = alternate_of(row)
    if not found:
        return cells.none()
    by = f"policy {row.policy}" if source == "policy" else source
    return format_html('{} <span class="muted">by {}</span>', cells.name(found), cells.name(by))


#: Name, label and meaning of each rate.
RATES = (
    ("in", "In/s", "Messages a second that clients published to it."),
    ("out", "Out/s", "Messages a second that it routed, counted once for each queue."),
    ("returned", "Returned/s", "Unroutable messages a second that went back to their publishers."),
    ("dropped", "Dropped/s", "Unroutable messages a second that were lost."),
)


def rate_cell(name: str, row: Exchange) -> SafeString:
    """Return a rate; if it is unknown, a dash with the reason."""
    value, status = getattr(row, name), row.broker.status
    if value is None and status.rates_at is None:
        return rate(None, status.rates_unknown or "No poll has read rates yet.")
    return rate(value, "The broker didn't report it.", unit="")


def bindings_url(row: Exchange, end: str) -> str:
    """Return the URL of the list of bindings with the exchange at this end: "source" or
    "destination"."""
    where = {"broker": row.broker_id, "vhost": row.vhost, end: row.name}
    if end == "destination":
        where["destination_type"] = "exchange"
    return f"{reverse('bindings')}?{urlencode(where)}"


def _bindings_cell(row: Exchange, end: str, number: int) -> SafeString:
    if row.name == "":
        return format_html(
            '<span class="muted">{}</span>', "every queue" if end == "source" else ""
        )
    if not number and row.broker.status.why_unknown("bindings"):
        return cells.number(None)
    if not number:
        return cells.number(0)
    return format_html('<a href="{}">{}</a>', bindings_url(row, end), cells.number(number))


def _policy_cell(row: Exchange) -> Any:
    return cells.name(row.policy) if row.policy else cells.none()


LISTING = ListSpec(
    name="exchanges",
    default_sort="name",
    tiebreak=("broker__name", "vhost", "id"),
    columns=[
        Column(key="name", label="Name", order=["name"], value=lambda row: row.name, cell=name),
        cells.vhost_column(),
        cells.broker_column(),
        Column(
            key="type",
            label="Type",
            order=["type"],
            value=lambda row: row.type,
            cell=lambda row: format_html('<span class="tag">{}</span>', cells.name(row.type)),
        ),
        Column(
            key="features",
            label="Features",
            value=lambda row: " ".join(mark for mark, _ in features(row)) or None,
            cell=features_cell,
            help="D: durable. AD: auto-delete. I: internal.",
        ),
        Column(
            key="alternate",
            label="Alternate exchange",
            value=lambda row: alternate_of(row)[0] or None,
            cell=alternate_cell,
            help="Gets the messages that this exchange can't route.",
        ),
        *(
            Column(
                key=f"{kind}_rate",
                label=label,
                order=[f"{kind}_rate"],
                value=attrgetter(f"{kind}_rate"),
                cell=partial(rate_cell, f"{kind}_rate"),
                align="end",
                descending_first=True,
                shown=kind in ("in", "out"),
                help=meaning,
            )
            for kind, label, meaning in RATES
        ),
        Column(
            key="bindings_from",
            label="Bindings from",
            value=lambda row: row.bindings_from,
            cell=lambda row: _bindings_cell(row, "source", row.bindings_from),
            align="end",
            help="Bindings by which it routes to queues and exchanges.",
        ),
        Column(
            key="bindings_to",
            label="Bindings to",
            value=lambda row: row.bindings_to,
            cell=lambda row: _bindings_cell(row, "destination", row.bindings_to),
            align="end",
            help="Bindings by which other exchanges route to it.",
        ),
        Column(
            key="policy",
            label="Policy",
            order=["policy"],
            value=lambda row: row.policy or None,
            cell=_policy_cell,
        ),
        cells.sync_column(),
    ],
    filters=[
        Filter(key="search", label="Name", where=contains("name"), help="Part of the name."),
        Filter(
            key="type",
            label="Type",
            kind="choice",
            choices={one: one for one in KNOWN_TYPES},
            others=True,
            where=equals("type"),
        ),
        Filter(
            key="with_policy",
            label="Policy",
            kind="choice",
            choices={_WITH: "With a policy", _WITHOUT: "Without a policy"},
            where=lambda value: Q(policy="") if value == _WITHOUT else ~Q(policy=""),
        ),
        Filter(
            key="internal",
            label="Internal",
            kind="flag",
            where=lambda _: Q(internal=True),
            help="Clients can't publish to them.",
        ),
        Filter(
            key="unbound",
            label="Without bindings",
            kind="flag",
            where=lambda _: unbound(),
            help="Neither the source nor the destination of a binding.",
        ),
        Filter(
            key="declared",
            label="Without predeclared",
            kind="flag",
            where=lambda _: ~Q(name__in=PREDECLARED),
            help="Leaves out the exchanges that every virtual host has.",
        ),
        Filter(key="policy", label="Policy", where=equals("policy"), control=False),
    ],
)
