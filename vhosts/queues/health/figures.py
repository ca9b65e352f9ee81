"""Figures of a queue as they stand in sentences."""

from __future__ import annotations

from console.faces.templatetags._text import grouped


def per_s(rate: float) -> str:
    """`6.43` → "6.4/s"."""
    if 0 < rate < 0.1:
        return "less than 0.1/s"
    return f"{grouped(round(rate) if rate >= 10 else round(rate, 1))}/s"


def messages(count: int) -> str:
    return f"{grouped(count)} message{'' if count == 1 else 's'}"
