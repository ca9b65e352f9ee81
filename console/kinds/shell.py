"""Words of a POSIX shell, for the command lines that pages show to copy."""

from __future__ import annotations

import shlex


def shell_word(text: str) -> str:
    """One word of a POSIX shell. What would be invisible on a screen is written out (bash, zsh),
    so that the line does exactly what it looks like."""
    if text.isprintable():
        return shlex.quote(text)
    escaped = "".join(_escaped(character) for character in text)
    return f"$'{escaped}'"


def _escaped(character: str) -> str:
    if character in "\\'":
        return f"\\{character}"
    if character.isprintable():
        return character
    number = ord(character)
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"
