"""Tags for the table of a map."""

from __future__ import annotations

from collections.abc import Sequence

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from console.faces.templatetags.warren import name_tag, state_badge
from vhosts.topology.graph import Edge
from vhosts.topology.shown import Shown, edge_words

register = template.Library()


@register.simple_tag
def map_object(one: Shown) -> SafeString:
    """Show an object's name with a link to its page, and to the map around it."""
    if not one.name:
        return format_html("(default exchange)")
    missing = (
        ""
        if one.node.row is not None
        else state_badge("missing", "", one.look.help if one.look else "")
    )
    name = name_tag(one.name, 60)
    shown = format_html('<a class="row-link" href="{}">{}</a>', one.url or one.focus, name)
    around = format_html(' <a class="sub" href="{}">around it</a>', one.focus) if one.url else ""
    return format_html("{}{}{}", shown, missing, around)


@register.simple_tag
def map_edges(edges: Sequence[tuple[Edge, Shown]], none: str = "nothing") -> SafeString:
    """Show where messages go or come from, with the keys; `none` if there is nothing."""
    if not edges:
        return format_html('<span class="muted">{}</span>', none)
    rows = (
        (name_tag(other.name or "(default exchange)", 60), edge_words(edge))
        for edge, other in edges
    )
    return format_html(
        "<ul>{}</ul>", format_html_join("", '<li>{} <span class="muted">{}</span></li>', rows)
    )
