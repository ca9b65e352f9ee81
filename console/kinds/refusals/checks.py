"""RabbitMQ's checks of values of arguments and policies.

Each returns the fault as the end of a sentence ("must be a whole number"), or "" if there is none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

#: Ten years, in milliseconds.
_LONGEST = 315_360_000_000
_LARGEST_SEGMENT = 3_000_000_000
_AGE = re.compile(r"[0-9]+[YMDhms]")

Check = Callable[[Any], str]


def number(value: Any) -> str:
    return "" if type(value) is int else "must be a whole number"


def not_negative(value: Any) -> str:
    return number(value) or ("must not be negative" if value < 0 else "")


def ten_years(value: Any) -> str:
    if found := not_negative(value):
        return found
    return "must be at most 315,360,000,000 ms (10 years)" if value > _LONGEST else ""


def some_time(value: Any) -> str:
    return ten_years(value) or ("must be more than 0 ms" if value == 0 else "")


def between(least: int, most: int) -> Check:
    def check(value: Any) -> str:
        if found := number(value):
            return found
        return "" if least <= value <= most else f"must be from {least} to {most}"

    return check


def positive(value: Any) -> str:
    return number(value) or ("must be more than 0" if value <= 0 else "")


def segment(value: Any) -> str:
    if found := not_negative(value):
        return found
    return "must be at most 3,000,000,000 bytes" if value > _LARGEST_SEGMENT else ""


def text(value: Any) -> str:
    return "" if isinstance(value, str) else "must be text"


def one_of(*words: str) -> Check:
    def check(value: Any) -> str:
        return "" if value in words and isinstance(value, str) else f"must be {either(words)}"

    return check


def either(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def true_or_false(value: Any) -> str:
    return "" if isinstance(value, bool) else "must be true or false"


def age(value: Any) -> str:
    if isinstance(value, str) and _AGE.fullmatch(value):
        return ""
    return "must be a number and one of Y, M, D, h, m, s, such as 7D"


def anything(value: Any) -> str:
    return ""


def whole_time(value: Any) -> str:
    return number(value) or ("must be more than 0 ms" if value <= 0 else "")


def has_null(value: Any) -> bool:
    """Whether the value is or contains null, which the management API refuses in arguments."""
    if isinstance(value, dict):
        return any(map(has_null, value.values()))
    return any(map(has_null, value)) if isinstance(value, list) else value is None
