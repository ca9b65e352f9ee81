"""Words of a POSIX shell, for the command lines that pages show to copy."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping

from console.kinds.common.kind import Line, Op


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


def quoted_pattern(pattern: str) -> str:
    """Patterns are always in quotes, as RabbitMQ's own documentation writes them."""
    plain = pattern.isprintable() and not set(pattern) & set('"$`\\!')
    return f'"{pattern}"' if plain else shell_word(pattern)


def limit_lines(
    what: str, whose: Line, limits: Mapping[str, int], op: Op, all_of: str = ""
) -> list[Line]:
    """rabbitmqctl's lines that make limits as given: it sets all of them at once."""
    lines: list[Line] = []
    if op is not Op.CREATE:
        lines.append([f"clear_{what}", *whose, *([all_of] if all_of else [])])
    if limits:
        lines.append([f"set_{what}", *whose, shell_word(json.dumps(dict(limits)))])
    return lines
