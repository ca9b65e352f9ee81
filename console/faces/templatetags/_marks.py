"""Short marks for features of an object."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from console.faces.templatetags._text import said


def marks(features: Sequence[Any], shown: int = 2) -> SafeString:
    """Return short marks with their meaning on hover and focus: the first `shown`, and one for the
    rest. Each feature has `mark` and `meaning`."""
    return _marks(tuple((one.mark, one.meaning) for one in features), shown)


@lru_cache(maxsize=2048)  # many queues have the same features
def _marks(features: tuple[tuple[str, str], ...], shown: int) -> SafeString:
    one = '<span class="tag" tabindex="0" data-tip="{}">{}</span>'
    parts = [(said(meaning), mark) for mark, meaning in features[:shown]]
    if rest := features[shown:]:
        parts.append(
            (" · ".join(f"{mark}: {said(meaning)}" for mark, meaning in rest), f"+{len(rest)}")
        )
    return format_html('<span class="tags">{}</span>', format_html_join("", one, parts))
