"""Words of the router's sentences."""

from __future__ import annotations

import json
from typing import Any

from console.rabbitmq.text import printable

_ORDINALS = (
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth",
)  # fmt: skip
_LONGEST = 80


def shown(name: str) -> str:
    """Return a key, word or name for use in a sentence: bare if it reads as one word, else quoted."""
    text = shortened(name)
    return text if text and text == text.strip() and " " not in text else f'"{text}"'


def shortened(text: str) -> str:
    """Return the text with unprintable characters escaped, cut to a length that a sentence bears."""
    shown = printable(text, _LONGEST)
    cut = len(text) > _LONGEST and not shown.endswith("…")
    return f"{shown}…" if cut else shown


def shown_exchange(name: str) -> str:
    return shown(name) if name else "the default exchange"


def valued(value: Any) -> str:
    """Return a header's value with its type where types matter."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{shortened(value)}"'
    if isinstance(value, int | float):
        return str(value)
    kind = "list" if isinstance(value, list) else "table"
    return f"the {kind} {shortened(json.dumps(value, ensure_ascii=False))}"


def typed(value: Any) -> str:
    """Return a value with the name of its type: `the text "1"`, `the number 1`."""
    if isinstance(value, bool) or value is None or isinstance(value, list | dict):
        return valued(value)
    if isinstance(value, str):
        return f"the text {valued(value)}"
    return f"the {'floating-point number' if isinstance(value, float) else 'number'} {value}"


def ordinal(position: int) -> str:
    """Return "third" for 2, the position counted from 0."""
    return _ORDINALS[position] if position < len(_ORDINALS) else f"{position + 1}th"


def counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def lasting(milliseconds: Any) -> str:
    """Return a duration such as "30 s" or "1,500 ms"."""
    if not isinstance(milliseconds, int) or isinstance(milliseconds, bool):
        return valued(milliseconds)
    for size, unit in ((86_400_000, "days"), (3_600_000, "h"), (60_000, "min"), (1_000, "s")):
        if milliseconds and milliseconds % size == 0:
            number = milliseconds // size
            return f"{number:,} {'day' if unit == 'days' and number == 1 else unit}"
    return f"{milliseconds:,} ms"
