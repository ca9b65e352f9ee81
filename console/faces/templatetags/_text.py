"""Text for people: numbers, ages and names from brokers. Pure; the tags add the markup."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Any

_NARROW_SPACE = "\N{NARROW NO-BREAK SPACE}"
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
#: Invisible, although their category is letter or space.
_INVISIBLE = frozenset("\u00ad\u034f\u115f\u1160\u2800\u3164\uffa0")


def grouped(value: float) -> str:
    """Return `1 234 567` or `1 234.5`."""
    if isinstance(value, float) and not value.is_integer():
        return f"{value:,.1f}".replace(",", _NARROW_SPACE)
    return f"{int(value):,}".replace(",", _NARROW_SPACE)


def sized(value: int) -> tuple[str, str]:
    """Return an amount and its unit, in powers of 1024."""
    amount = float(value)
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if abs(amount) < 1024 or unit == "TiB":
            break
        amount /= 1024
    text = f"{amount:.0f}" if unit == "B" or abs(amount) >= 100 else f"{amount:.1f}"
    return text, unit


def ages_ago(seconds: int) -> str:
    """Return an age, in the same words as static/js/ages.js."""
    return f"{lasted(seconds)} ago" if seconds >= 1 else "just now"


def lasted(seconds: int) -> str:
    if seconds < 2 * _MINUTE:
        return f"{seconds} s"
    if seconds < 2 * _HOUR:
        return f"{seconds // _MINUTE} min"
    if seconds < 2 * _DAY:
        return f"{seconds // _HOUR} h"
    return f"{seconds // _DAY} days"


def is_special(character: str) -> bool:
    """Return whether the character is invisible, or reorders or reshapes the text around it."""
    if character in _INVISIBLE:
        return True
    category = unicodedata.category(character)
    return category in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") or (
        category == "Zs" and character != " "
    )


def pieces(text: str) -> Iterator[tuple[str, bool]]:
    """Yield the text in pieces; special characters come as `U+202E`, marked True.

    Spaces at either end, and several in a row, are marked too, because nobody would see them.
    """
    plain_run = ""
    last = len(text) - 1
    for position, character in enumerate(text):
        lost_space = character == " " and (
            position in (0, last) or text[position - 1] == " " or text[position + 1] == " "
        )
        if lost_space or is_special(character):
            if plain_run:
                yield plain_run, False
                plain_run = ""
            yield ("␣" if lost_space else f"U+{ord(character):04X}"), True
        else:
            plain_run += character
    if plain_run:
        yield plain_run, False


def plain(text: str) -> str:
    """Return the text of `pieces` without markup, for titles and labels."""
    return "".join(f"⟨{part}⟩" if special else part for part, special in pieces(text))


def truncated(text: str, most: int) -> str:
    """Return the text shortened in the middle to `most` characters: names often differ at the end."""
    if len(text) <= most:
        return text
    tail = (most - 1) * 2 // 5
    return f"{text[: most - 1 - tail]}…{text[-tail:]}"


def ending_at(text: str, least: int) -> int:
    """Return where the last `least` characters or a few more start; 0 if the text can't be cut.

    Never cuts next to a space, which would count as lost, nor between a letter and its marks.
    """
    for at in range(len(text) - least, 0, -1):
        if " " not in text[at - 1 : at + 1] and unicodedata.category(text[at])[0] != "M":
            return at
    return 0


def said(value: Any) -> str:
    """Return a sentence that may contain text from a broker, with characters that hide or reorder
    text made visible."""
    if (text := str(value)).isascii() and text.isprintable():
        return text
    return "".join(f"⟨U+{ord(c):04X}⟩" if is_special(c) and c != "\n" else c for c in str(value))
