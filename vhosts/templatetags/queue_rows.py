"""The <tr>s of the list of queues, built cell by cell in Python.

A page has 100 rows of 12 or so cells. As a template, these take twice as long as the rest of the
page (bench/pages.py). Every value goes through format_html or conditional_escape, so the output is
always escaped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from urllib.parse import quote

from django import template
from django.template import Context
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString

from console.faces.templatetags._text import grouped
from console.faces.templatetags.warren import (
    age,
    marks,
    name_tag,
    number,
    plain_name,
    rate,
    sparkline,
    state_badge,
    unknown,
)
from vhosts.lists import out_rate, rates_read_at
from vhosts.models import Queue
from vhosts.queues.health.conditions import RULES
from vhosts.queues.health.hints import hint_of
from vhosts.queues.links import Links
from vhosts.selectors import QueueRow

register = template.Library()

_UNSEEN = "No inventory has seen it yet."
_NO_GROWTH = "Its depth 5 minutes ago isn't known."
_NO_CONSUMERS = "No source reports the consumers of this queue now."
Cell = Callable[[Context, QueueRow, Queue, Links], SafeString | str]


def _linked(address: str, shown: SafeString) -> SafeString:
    return format_html('<a class="quiet" href="{}">{}</a>', address, shown)


def _state(context: Context, row: QueueRow, queue: Queue, links: Links) -> SafeString:
    if queue.gone_at:
        return state_badge("gone")
    if not queue.state:
        return unknown(row.outage or _UNSEEN)
    return state_badge(queue.state, "", f"{row.outage} {row.last_known}".strip())


def _health(context: Context, row: QueueRow, queue: Queue, links: Links) -> SafeString:
    """What is wrong; the state if nothing is known to be."""
    if queue.gone_at or queue.condition not in RULES or queue.condition == queue.state:
        return _state(context, row, queue, links)
    return state_badge(queue.condition, "", hint_of(queue))


def _policy(context: Context, row: QueueRow, queue: Queue, links: Links) -> SafeString | str:
    if not queue.policy:
        return ""
    address = f"{links.broker}&policy={quote(queue.policy, safe='')}"
    return _linked(address, name_tag(queue.policy, fit=True))


def _named(value: str) -> SafeString | str:
    return name_tag(value, fit=True) if value else ""


def _checkbox(context: Context, row: QueueRow, queue: Queue, links: Links) -> SafeString:
    return format_html(
        '<input class="form-check-input" type="checkbox" name="ids" value="{}" form="selection" '
        'aria-label="Select {}">',
        queue.pk,
        plain_name(queue.name),
    )


def _rate(value: float | None, row: QueueRow, context: Context) -> SafeString | str:
    """Return a rate with its age if it is older than the depths beside it."""
    shown = rate(value, row.rates_unknown, unit="")
    if value is None or not row.rates_stale or row.stale:
        return shown
    read_at = age(context, row.queue.broker.status.rates_at, stale=True)
    return format_html('<span class="is-stale-figure">{}</span> {}', shown, read_at)


def _growth(context: Context, row: QueueRow, queue: Queue, links: Links) -> SafeString:
    grown = queue.growth_5m
    if grown is None:
        return unknown(row.unknown_reason if queue.total is None else _NO_GROWTH)
    sign = "+" if grown > 0 else "−" if grown < 0 else ""
    return format_html('<span class="num">{}{}</span>', sign, grouped(abs(grown)))


def _spark(context: Context, row: QueueRow, queue: Queue, links: Links) -> SafeString:
    known = [value for value in row.spark or [] if value is not None]
    line = sparkline(row.spark, "Total over the last hour")
    if not known:
        return line
    return format_html(
        '<span class="spark-with-peak">{}<span class="spark-peak" aria-hidden="true">{}</span></span>',
        line,
        grouped(max(known)),
    )


#: By column: class and label of the cell, and a function that returns its content.
_CELLS: Mapping[str, tuple[str, str, Cell]] = {
    "name": (
        "wide",
        "Name",
        lambda c, row, q, links: format_html(
            '<a class="row-link" href="{}">{}</a>', links.queue, name_tag(q.name, fit=True)
        ),
    ),
    "vhost": (
        "",
        "Virtual host",
        lambda c, row, q, links: _linked(links.vhost, name_tag(q.vhost, fit=True)),
    ),
    "broker": (
        "",
        "Broker",
        lambda c, row, q, links: _linked(links.broker, name_tag(q.broker.name, fit=True)),
    ),
    "type": (
        "",
        "Type",
        lambda c, row, q, links: name_tag(q.type, 16) if q.type else unknown(_UNSEEN),
    ),
    "condition": ("", "Health", _health),
    "state": ("", "State", _state),
    "ready": ("end", "Ready", lambda c, row, q, links: number(q.ready, row.unknown_reason)),
    "unacked": ("end", "Unacked", lambda c, row, q, links: number(q.unacked, row.unknown_reason)),
    "total": ("end", "Total", lambda c, row, q, links: number(q.total, row.unknown_reason)),
    "in_rate": ("end", "In/s", lambda c, row, q, links: _rate(q.publish_rate, row, c)),
    "out_rate": ("end", "Out/s", lambda c, row, q, links: _rate(out_rate(q), row, c)),
    "growth_5m": ("end", "Δ 5 min", _growth),
    "consumers": ("end", "Consumers", lambda c, row, q, links: number(q.consumers, _NO_CONSUMERS)),
    "change": (
        "",
        "Last hour",
        _spark,
    ),
    "policy": ("", "Policy", _policy),
    "operator_policy": ("", "Operator policy", lambda c, row, q, links: _named(q.operator_policy)),
    "features": ("", "Features", lambda c, row, q, links: marks(row.features)),
    "node": ("", "Node", lambda c, row, q, links: _named(q.node)),
    "first_seen": ("", "First seen", lambda c, row, q, links: age(c, q.first_seen_at)),
    "ack_rate": ("end", "Ack/s", lambda c, row, q, links: _rate(q.ack_rate, row, c)),
    "redeliver_rate": (
        "end",
        "Redeliver/s",
        lambda c, row, q, links: _rate(q.redeliver_rate, row, c),
    ),
    "rates_at": (
        "",
        "Rates read",
        lambda c, row, q, links: (
            unknown(row.rates_unknown)
            if rates_read_at(q) is None
            else age(c, rates_read_at(q), stale=row.rates_stale)
        ),
    ),
    "depths_at": (
        "",
        "Depth read",
        lambda c, row, q, links: age(c, q.broker.status.depths_at, stale=row.stale),
    ),
}


def _opening(style: str, label: str) -> SafeString:
    return format_html('<td class="{}" data-label="{}">', style, label)


_SELECT = format_html('<td class="{}">', "select")
#: The same on every row.
_NOTHING, _CLOSING = format_html("{}", ""), format_html("</td>{}", "")
_OPENINGS = {key: _opening(style, label) for key, (style, label, _) in _CELLS.items()}


@register.simple_tag(takes_context=True)
def queue_table_rows(
    context: Context,
    rows: Iterable[tuple[QueueRow, Queue, Links]],
    shows: Mapping[str, bool],
    selectable: object = None,
) -> SafeString:
    """Return the table rows. `rows` come from vhosts.queues.links.linked; `shows` has the shown
    columns; `selectable`: whether rows can be selected."""
    cells = [(_OPENINGS[key], cell) for key, (_, _, cell) in _CELLS.items() if shows.get(key)]
    if selectable:
        cells.insert(0, (_SELECT, _checkbox))
    return format_html_join("\n", "{}", ((_row(context, cells, *one),) for one in rows))


def _row(
    context: Context,
    cells: list[tuple[SafeString, Cell]],
    row: QueueRow,
    queue: Queue,
    links: Links,
) -> SafeString:
    inner = _NOTHING
    for opening, cell in cells:  # the sum of safe strings is a safe string
        inner += opening + conditional_escape(cell(context, row, queue, links)) + _CLOSING
    return format_html(
        '<tr id="queue-{}" class="{}">{}</tr>',
        queue.pk,
        "is-stale-figure" if row.stale else "",
        inner,
    )
