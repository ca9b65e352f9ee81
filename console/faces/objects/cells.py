"""Cells and columns that lists and pages of objects share. Cells return escaped HTML."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from console.faces.lists import Column
from console.faces.templatetags.warren import name_tag
from console.faces.templatetags.warren import number as number_tag
from console.faces.templatetags.warren import plain_name as plain

_MOST_VALUE = 60


def name(value: str, most: int = 44) -> SafeString:
    """Return a name with invisible characters made visible, cut in the middle past `most`
    characters."""
    return name_tag(value, most)


def number(value: int | None) -> SafeString:
    """Return a number with separators; None is a dash."""
    return number_tag(value)


def none() -> SafeString:
    """Return the word for what isn't set."""
    return format_html('<span class="muted">{}</span>', "none")


def code(value: str) -> SafeString:
    """Return a pattern as code; an empty one is explained in words."""
    if value == "":
        return format_html('<span class="muted">empty: matches everything</span>')
    return format_html("<code>{}</code>", name_tag(value, 60))


def table(values: Mapping[str, Any]) -> SafeString:
    """Return AMQP arguments or a definition as tags: `max-length 3000`."""
    if not values:
        return none()
    return format_html(
        '<span class="tags">{}</span>',
        format_html_join(
            "",
            '<span class="tag">{} {}</span>',
            (
                (name_tag(key, 40), name_tag(_shown(value), _MOST_VALUE))
                for key, value in values.items()
            ),
        ),
    )


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return plain(text) if text else '""'


def name_column() -> Column:
    """Return the column of the row's `name`."""
    return Column(
        key="name",
        label="Name",
        order=["name"],
        value=lambda row: row.name,
        cell=lambda row: name_tag(row.name, fit=True),
    )


def vhost_column() -> Column:
    """Return the column of the row's `vhost`."""
    return Column(
        key="vhost",
        label="Virtual host",
        order=["vhost", "name"],
        value=lambda row: row.vhost,
        cell=lambda row: name_tag(row.vhost, fit=True),
    )


def broker_column() -> Column:
    """Return the column of the broker's name. Rows need their broker (`select_related`)."""
    return Column(
        key="broker", label="Broker", order=["broker__name"], value=lambda row: row.broker.name
    )


def sync_column() -> Column:
    """Return the column of the sync status, which the list's template fills."""
    return Column(key="sync", label="Sync", help="Sync status with the broker.")
