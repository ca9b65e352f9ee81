"""Small charts as SVG, without inline styles."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from console.faces.templatetags._text import grouped


def spark_line(
    values: Sequence[float | None], known: Sequence[float], label: str, width: int, height: int
) -> SafeString:
    """Return a small line chart from zero to its own peak. `known` are the values that aren't None,
    at least one."""
    peak, step = max(max(known), 1), width / max(len(values) - 1, 1)

    def at(position: int, value: float) -> str:
        return f"{position * step:.1f},{height - 1.5 - (height - 3) * value / peak:.1f}"

    runs: list[list[str]] = [[]]
    for position, value in enumerate(values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append(at(position, value))
    lines = format_html_join(
        "",
        '<polyline points="{}"/>',
        # A single known point between two gaps is drawn as a dot: a line to itself.
        ((" ".join(run if len(run) > 1 else run * 2),) for run in runs if run),
    )
    first, last = known[0], known[-1]
    return format_html(
        '<svg class="spark" viewBox="0 0 {} {}" width="{}" height="{}" role="img" '
        'preserveAspectRatio="none" aria-label="{}: from {} to {}, at most {}">{}</svg>',
        width, height, width, height, label, grouped(first), grouped(last), grouped(max(known)),
        lines,
    )  # fmt: skip


def bar(
    used: float | None, limit: float | None, label: str, danger: bool = False, high: float = 0.8
) -> str:
    """Return a bar that shows how much of a limit is used, from 0 to 100 %, drawn with SVG
    attributes (no inline style)."""
    if not isinstance(used, int | float) or not isinstance(limit, int | float) or not limit:
        return ""
    share = min(max(used / limit, 0), 1)
    tone = "danger" if danger else "warn" if share >= high else "ok"
    return format_html(
        # No viewBox: when stretched to its place, the round ends would be distorted.
        '<svg class="bar bar-{}" role="img" aria-label="{}: {} %">'
        '<rect class="bar-track" width="100%" height="100%" rx="3"/>'
        '<rect class="bar-fill" width="{}%" height="100%" rx="3"/></svg>',
        tone,
        label,
        round(share * 100),
        f"{share * 100:.1f}",
    )
