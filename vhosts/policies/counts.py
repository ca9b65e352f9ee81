"""How many queues and exchanges have each policy of a page, as the brokers last reported it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from console.faces.lists import Column
from console.faces.pages.words import counted
from console.faces.templatetags.warren import unknown
from vhosts.models import Exchange, Queue

_Place = tuple[int, str, str]


def note_counts(rows: Sequence[Any], column: str) -> None:
    """Give each policy `applied`: (queues, exchanges) that name it in their `column`; None if no
    inventory has read them. At most two queries."""
    queues = _counts(Queue.objects.present(), rows, column)
    # Brokers don't report the operator policy of an exchange.
    exchanges = _counts(Exchange.objects.all(), rows, column) if column == "policy" else {}
    parts = ("queues", "exchanges") if column == "policy" else ("queues",)
    for row in rows:
        place = (row.broker_id, row.vhost, row.name)
        known = all(row.broker.status.part_at(part) is not None for part in parts)
        row.applied = (queues.get(place, 0), exchanges.get(place, 0)) if known else None


def _counts(found: Any, rows: Sequence[Any], column: str) -> Mapping[_Place, int]:
    if not rows:
        return {}
    counts = (
        found.filter(
            broker__in={row.broker_id for row in rows},
            vhost__in={row.vhost for row in rows},
            **{f"{column}__in": {row.name for row in rows}},
        )
        .order_by()
        .values_list("broker", "vhost", column)
        .annotate(number=Count("pk"))
    )
    return {(broker, vhost, name): number for broker, vhost, name, number in counts}


def context_of(column: str) -> Any:
    """Return `ListPage.context`, which gives the rows of a page their counts."""

    def context(rows: Sequence[Any], user: Any) -> Mapping[str, Any]:
        note_counts(rows, column)
        return {}

    return context


def applied_column() -> Column:
    """Return the column of `applied`."""
    return Column(
        key="applied",
        label="In force on",
        cell=applied_cell,
        help="The queues and exchanges that had this policy at the last inventory.",
    )


def applied_cell(row: Any) -> Any:
    """Return `applied` as a cell, with a link to the queues."""
    applied = getattr(row, "applied", None)
    if applied is None:
        return unknown("No inventory has read the queues yet.")
    queues, exchanges = applied
    parts = []
    if queues:
        parts.append(_link(row, counted(queues, "queue")))
    if exchanges:
        parts.append(format_html("{}", counted(exchanges, "exchange")))
    if not parts:
        return format_html('<span class="muted">nothing</span>')
    return format_html(", ".join(["{}"] * len(parts)), *parts)


def _link(row: Any, text: str) -> SafeString:
    """Return a link to the queues with this policy; plain text for operator policies."""
    if row._meta.model_name != "policy":
        return format_html("{}", text)
    query = {"broker": row.broker_id, "vhost": row.vhost, "policy": row.name}
    return format_html('<a href="{}?{}">{}</a>', reverse("queues"), urlencode(query), text)
