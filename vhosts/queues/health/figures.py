"""Figures of a queue as they stand in sentences, with commas: a narrow space would show as a special character."""

from __future__ import annotations


def per_s(rate: float) -> str:
    """`6.43` → "6.4/s"."""
    if 0 < rate < 0.1:
        return "less than 0.1/s"
    shown = round(rate) if rate >= 10 or rate == round(rate) else round(rate, 1)
    return f"{shown:,}/s"


def count(number: int) -> str:
    return f"{number:,}"


def messages(number: int) -> str:
    return f"{number:,} message{'' if number == 1 else 's'}"
