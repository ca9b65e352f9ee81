"""Names in search results."""

from __future__ import annotations

import unicodedata

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from console.faces.templatetags._text import plain
from console.faces.templatetags.warren import name_tag

register = template.Library()

#: Longer names are shortened, which may cut the part that was found.
_MOST = 56


@register.simple_tag
def found_name(value: str, text: str) -> SafeString:
    """Show a name like `name`, with the part that a search found marked."""
    at = value.lower().find(text.lower()) if text else -1
    found, after = value[at : at + len(text)], value[at + len(text) :]
    is_one_piece = found.lower() == text.lower() and not _is_mark(after[:1])
    # A cut must not hide a character that `name` makes visible, nor part a letter from its accents.
    if at < 0 or len(value) > _MOST or not is_one_piece or plain(value) != value:
        return name_tag(value)
    if found != found.strip():
        return name_tag(value)
    return format_html('<bdi class="name">{}<mark>{}</mark>{}</bdi>', value[:at], found, after)


def _is_mark(character: str) -> bool:
    return bool(character) and unicodedata.category(character).startswith("M")
