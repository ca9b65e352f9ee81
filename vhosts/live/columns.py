"""Columns that the lists of connections, channels and consumers share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models.functions import Lower
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode

from console.faces.lists import Column
from console.faces.objects import cells
from console.faces.templatetags.warren import bytes_tag, name_tag, state_badge, unknown


def text_column(key: str, label: str, *, tip: str = "", shown: bool = True) -> Column:
    """Return a column of the row's text `key`; an empty one is unknown."""
    return Column(
        key=key,
        label=label,
        order=[Lower(key), key],
        value=lambda row: getattr(row, key) or None,
        cell=lambda row: name_tag(text, fit=True) if (text := getattr(row, key)) else unknown(),
        help=tip,
        shown=shown,
    )


def figure_column(
    key: str,
    label: str,
    cell: Callable[[Any], Any] = cells.number,
    *,
    tip: str = "",
    shown: bool = True,
) -> Column:
    return Column(
        key=key,
        label=label,
        order=[key],
        value=lambda row: getattr(row, key),
        cell=lambda row: cell(getattr(row, key)),
        align="end",
        descending_first=True,
        help=tip,
        shown=shown,
    )


def flag_column(
    key: str, label: str, yes: str, no: str, *, tip: str = "", shown: bool = True
) -> Column:
    words = {True: yes, False: no}

    def cell(row: Any) -> Any:
        value = getattr(row, key)
        return unknown() if value is None else words[value]

    return Column(
        key=key, label=label, order=[key], value=lambda row: getattr(row, key), cell=cell, help=tip,
        shown=shown,
    )  # fmt: skip


def host_of(row: Any) -> str:
    """Return the client's address and port; "" if unknown."""
    return f"{row.peer_host}:{row.peer_port}" if row.peer_port is not None else row.peer_host


def host_column(*, shown: bool = True) -> Column:
    return Column(
        key="host",
        label="Client host",
        order=["peer_host", "peer_port"],
        value=lambda row: host_of(row) or None,
        cell=lambda row: name_tag(host_of(row), fit=True) if host_of(row) else unknown(),
        shown=shown,
    )


def connection_cell(row: Any) -> Any:
    """Return a link to the connection of a channel or consumer. Rows are annotated with
    `connection_id`, which is None if it isn't listed any more."""
    if not row.connection:
        return unknown()
    text = name_tag(row.connection, fit=True)
    if row.connection_id is None:
        return text
    return _linked(reverse("connection", args=[row.connection_id]), text)


def client_cell(row: Any) -> Any:
    """Return the client's name for itself, with a link to its connection."""
    text = name_tag(row.client_name, fit=True) if row.client_name else cells.none()
    if getattr(row, "connection_id", None) is None:
        return text
    return _linked(reverse("connection", args=[row.connection_id]), text)


def queue_cell(row: Any) -> Any:
    """Return a link to the queue of a consumer. Rows are annotated with `queue_id`, which is None if
    no inventory has seen the queue."""
    text = name_tag(row.queue, fit=True)
    return text if row.queue_id is None else _linked(reverse("queue", args=[row.queue_id]), text)


def channel_cell(row: Any) -> Any:
    """Return a link to the channel of a consumer, in the list of channels."""
    if not row.channel:
        return unknown()
    query = urlencode({"broker": row.broker_id, "name": row.channel})
    return _linked(f"{reverse('channels')}?{query}", name_tag(row.channel, fit=True))


def _linked(address: str, text: Any) -> Any:
    return format_html('<a class="quiet" href="{}">{}</a>', address, text)


def state_column(tip: str = "") -> Column:
    return Column(
        key="state",
        label="State",
        order=["state"],
        value=lambda row: row.state or None,
        cell=lambda row: state_badge(row.state) if row.state else unknown(),
        help=tip,
    )


def bytes_rate(value: float | None) -> Any:
    if value is None:
        return unknown("The broker reports no rate.")
    return format_html('{}<span class="unit">/s</span>', bytes_tag(round(value)))
