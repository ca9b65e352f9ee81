"""Make a broker's text safe to show: nothing moves a cursor, reverses a line or breaks a log."""

from __future__ import annotations

import unicodedata

#: Control, format (including bidi and zero-width), surrogate, private use, line and paragraph
#: separators.
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def printable(text: str | bytes, limit: int = 200) -> str:
    """Return `text` with every unprintable character escaped as \\xNN or \\uNNNN, at most `limit`
    characters.

    Bytes are decoded as UTF-8; invalid bytes become the replacement character.
    """
    if isinstance(text, bytes):
        text = text[: limit * 4].decode("utf-8", "replace")
    shown = "".join(_escape(character) for character in text[:limit])
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def _escape(character: str) -> str:
    if character.isascii() and character.isprintable():
        return character
    if unicodedata.category(character) not in _UNPRINTABLE:
        return character
    number = ord(character)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
