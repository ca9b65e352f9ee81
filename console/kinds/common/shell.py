"""Words of a POSIX shell, for command lines that pages show to copy."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping

from console.kinds.common.kind import Line, Op


def shell_word(text: str) -> str:
    """Return the text as one quoted word. Invisible characters are written as escapes (bash, zsh),
    so the line does exactly what it looks like."""
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
    """Return the pattern as one word, always in quotes, as RabbitMQ's documentation writes
    patterns."""
    plain = pattern.isprintable() and not set(pattern) & set('"$`\\!')
    return f'"{pattern}"' if plain else shell_word(pattern)


def limit_lines(
    what: str, whose: Line, limits: Mapping[str, int], op: Op, all_of: str = ""
) -> list[Line]:
    """Return the rabbitmqctl lines that set exactly these limits. `what` is "vhost_limits" or
    "user_limits", `whose` the words that name the owner, `all_of` an extra word of the clear
    command.
    """
    lines: list[Line] = []
    if op is not Op.CREATE:
        lines.append([f"clear_{what}", *whose, *([all_of] if all_of else [])])
    if limits:
        lines.append([f"set_{what}", *whose, shell_word(json.dumps(dict(limits)))])
    return lines
