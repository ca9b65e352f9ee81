"""Template tags for names, numbers, times and states: the same format on every page.

format_html builds all output: text from a broker is never markup.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from django import template
from django.template import Context
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from heroicons.templatetags.heroicons import heroicon_micro

from console.faces.pages.words import operation as operation_in_words
from console.faces.templatetags._drawings import bar, spark_line
from console.faces.templatetags._links import keep_query, scope_url
from console.faces.templatetags._marks import marks
from console.faces.templatetags._states import STATES, Look
from console.faces.templatetags._text import (
    ages_ago,
    ending_at,
    grouped,
    lasted,
    pieces,
    plain,
    said,
    sized,
    truncated,
)
from console.models import Broker

register = template.Library()

_DASH = "—"
#: Longer names in lists keep their last characters if their column is narrow.
_FITS, _TAIL = 16, 7
_MOST_FITTED = 120


@register.simple_tag
def unknown(reason: str = "Not reported by the broker.") -> SafeString:
    """Show an em dash with the reason on hover and focus: unknown is never shown as zero."""
    return format_html(
        '<span class="unknown" tabindex="0" data-tip="{}"><span aria-hidden="true">{}</span>'
        '<span class="visually-hidden">unknown: {}</span></span>',
        reason,
        _DASH,
        reason,
    )


@register.simple_tag
def number(value: float | None, reason: str = "Not reported by the broker.") -> SafeString:
    """Show `10 482`, with narrow no-break spaces; `unknown` for None."""
    if value is None or value == "":  # a missing key is "" in templates
        return unknown(reason)
    return format_html('<span class="num">{}</span>', grouped(value))


@register.simple_tag
def rate(
    value: float | None, reason: str = "The broker reports no message rates.", unit: str = "/s"
) -> SafeString:
    """Show messages per second: two digits below ten, `0.04/s` rather than a rounded zero."""
    if value is None or value == "":  # a missing key is "" in templates
        return unknown(reason)
    if value != 0 and abs(value) < 0.01:
        text = "<0.01"
    elif abs(value) < 10:
        text = f"{value:.2f}".rstrip("0").rstrip(".") or "0"
    else:
        text = grouped(round(value))
    return format_html('<span class="num">{}<span class="unit">{}</span></span>', text, unit)


@register.simple_tag(name="bytes")
def bytes_tag(value: int | None, reason: str = "Not reported by the broker.") -> SafeString:
    """Show `1.4 GiB`, with the exact number of bytes on hover."""
    if value is None or value == "":  # a missing key is "" in templates
        return unknown(reason)
    amount, unit = sized(value)
    return format_html(
        '<span class="num" title="{} bytes">{}<span class="unit"> {}</span></span>',
        grouped(value),
        amount,
        unit,
    )


@register.simple_tag(takes_context=True)
def age(
    context: Context,
    at: datetime | None,
    stale_after: Any = None,
    never: str = "never",
    stale: bool | None = None,
) -> SafeString:
    """Show `12 s ago`, ticking in the browser; exact time in UTC and local time on hover and focus.

    If it is older than `stale_after` (seconds or timedelta), it is greyed and marked as stale.
    `stale` True marks it whatever its age. None shows `never`.
    """
    if at is None:
        return format_html('<span class="age age-never">{}</span>', never)
    now = context.get("now") or timezone.now()
    seconds = max(0, int((now - at).total_seconds()))
    limit = _seconds(stale_after)
    is_stale = stale if stale is not None else (limit is not None and seconds > limit)
    return format_html(
        '<time class="age{}" tabindex="0" datetime="{}" data-age="{}"{}{}>{}{}</time>',
        " is-stale" if is_stale else "",
        at.astimezone(UTC).isoformat(timespec="seconds"),
        seconds,
        format_html(' data-stale-after="{}"', limit) if limit is not None else "",
        " data-stale" if stale else "",
        "stale, " if is_stale else "",
        ages_ago(seconds),
    )


@register.simple_tag(takes_context=True)
def until(context: Context, at: datetime | None) -> str:
    """Show `in 40 s`, or `now`; doesn't tick."""
    if at is None:
        return "not scheduled"
    seconds = int((at - (context.get("now") or timezone.now())).total_seconds())
    return f"in {lasted(seconds)}" if seconds > 0 else "now"


@register.simple_tag
def lasting(milliseconds: int | None) -> SafeString:
    """Show a duration: `12 days`."""
    if milliseconds is None or milliseconds == "":
        return unknown()
    return format_html('<span class="num">{}</span>', lasted(milliseconds // 1000))


@register.simple_tag(name="name")
@lru_cache(maxsize=4096)  # a list shows the same few names on every row, every few seconds
def name_tag(
    value: str | None, most: int = 56, empty: str = "(empty name)", fit: bool = False
) -> SafeString:
    """Show a name from a broker.

    Control and bidi characters are visible, long names are shortened in the middle with the whole
    name on hover and focus, and the name is isolated from the text around it. `fit`: its place may
    be even narrower; then the style sheet cuts before its last characters (.name-fit).
    """
    if not value:
        return format_html('<span class="name-empty">{}</span>', empty)
    shown = truncated(value, _MOST_FITTED if fit else most)
    if fit and len(shown) > _FITS and (end := ending_at(shown, _TAIL)):
        return format_html(
            '<bdi class="name name-fit" data-tip="{}"><span class="name-head">{}</span>'
            '<span class="name-tail">{}</span></bdi>',
            plain(value),
            _visible(shown[:end]),
            _visible(shown[end:]),
        )
    body = _visible(shown)
    if shown != value:
        return format_html(
            '<bdi class="name" data-tip="{}" title="{}">{}</bdi>', plain(value), plain(value), body
        )
    return format_html('<bdi class="name">{}</bdi>', body)


def _visible(text: str) -> SafeString:
    return format_html_join(
        "",
        "{}",
        (
            (format_html('<span class="name-char">{}</span>', part) if special else part,)
            for part, special in pieces(text)
        ),
    )


@register.filter(name="plain_name")
def plain_name(value: str | None) -> str:
    """Return the name as plain text, for titles, labels and attributes."""
    return plain(value or "(empty name)")


register.filter(said)


@register.simple_tag
@lru_cache(maxsize=512)  # drawing an icon copies its XML tree
def state_badge(state: str, label: str = "", tip: str = "") -> SafeString:
    """Show a state's icon, word and colour; any other word is shown unchanged."""
    look = STATES.get(state) or Look(plain(str(state)) or "Unknown", "question-mark-circle", "mute")
    return format_html(
        '<span class="state state-{}"{}>{}<span>{}</span></span>',
        look.tone,
        format_html(' tabindex="0" data-tip="{}"', said(tip or look.help))
        if tip or look.help
        else "",
        heroicon_micro(look.icon, size=14, aria_hidden="true"),
        label or look.label,
    )


@register.filter
def state_label(state: str) -> str:
    """Return a state's word, without icon and colour; any other word is returned unchanged."""
    look = STATES.get(state)
    return look.label if look else str(state)


@register.filter
def operation(action: str) -> str:
    """Return an audit log entry's code in words: "user:update" is "Edit user"."""
    return operation_in_words(action)


@register.simple_tag
def node_state(node: dict[str, Any]) -> SafeString:
    """Show the state of one of BrokerStatus.nodes: the worst that applies."""
    if not node.get("running"):
        return state_badge("down", "", "It does not run, or no other node sees it.")
    if node.get("partitions"):
        unseen = ", ".join(map(str, node["partitions"]))
        return state_badge("partitioned", "", f"It does not see {unseen}.")
    return state_badge("draining" if node.get("being_drained") is True else "running")


register.simple_tag(marks)


@register.simple_tag(takes_context=True)
def shown_state(context: Context, broker: Broker) -> str:
    """Return BrokerStatus.shown_state at the time of the page."""
    return broker.status.shown_state(context.get("now") or timezone.now())


@register.simple_tag
def environment_badge(environment: str) -> SafeString:
    return format_html(
        '<span class="env env-{}">{}</span>', environment, str(environment).capitalize()
    )


register.simple_tag(takes_context=True)(scope_url)
register.simple_tag(takes_context=True)(keep_query)


@register.simple_tag
def sparkline(
    points: Sequence[float | None] | None,
    label: str = "Messages over the last hour",
    width: int = 96,
    height: int = 20,
) -> SafeString:
    """Show a small line chart from zero to its own peak. None in the list is a gap."""
    values = list(points or [])
    known = [value for value in values if value is not None]
    if not known:
        return unknown("No data in this period.")
    return spark_line(values, known, label, width, height)


register.simple_tag(bar)


@register.simple_tag
def cell(column: Any, row: Any) -> Any:
    """Return what a declared column shows of a row (console.faces.lists.Column)."""
    return column.cell(row) if column.cell else ""


@register.filter
def join_lines(values: Sequence[Any]) -> str:
    """Return the values, one per line, as text for a tip."""
    return "\n".join(said(value) for value in values)


@register.filter
def item(mapping: Mapping[Any, Any] | None, key: Any) -> Any:
    """Return `mapping[key]`, or None."""
    return mapping.get(key) if mapping else None


def _seconds(value: Any) -> int | None:
    if value is None or value == "":
        return None
    if hasattr(value, "total_seconds"):
        return int(value.total_seconds())
    return int(value)
