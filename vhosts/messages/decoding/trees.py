"""Values of a body: what JSON, MessagePack and CBOR have in common, kept exactly.

A tree is None, True, False, a str, a Number, a list, or Pairs for an object. Unlike a dict, Pairs
keeps duplicate keys, so that nothing of a body is hidden or escapes a masking rule.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from vhosts.messages.decoding.result import NESTED_AT_MOST, Undecodable, lines_printable


class Number(str):
    """A number as it is written. Python's own would lose digits, and take long to print."""

    __slots__ = ()


class Pairs(list[tuple[str, Any]]):
    """An object's keys and values in their order, duplicates included."""

    __slots__ = ()


def check_depth(tree: Any) -> None:
    """Raise Undecodable if the tree is nested too deep to be shown."""
    level, values = 0, [tree]
    while values:
        if level > NESTED_AT_MOST:
            raise Undecodable(f"nested more than {NESTED_AT_MOST} levels deep")
        level += 1
        values = [child for value in values for child in children(value)]


def children(value: Any) -> Iterator[Any]:
    """Yield the values right below a value that aren't plain."""
    if isinstance(value, Pairs):
        found: Iterator[Any] = (child for _, child in value)
    elif isinstance(value, list):
        found = iter(value)
    else:
        return
    yield from (child for child in found if isinstance(child, list))


def has_duplicates(tree: Any) -> bool:
    """Return whether some object in the tree has a key twice."""
    values = [tree]
    while values:
        value = values.pop()
        if isinstance(value, Pairs) and len({key for key, _ in value}) < len(value):
            return True
        values.extend(children(value))
    return False


def written(tree: Any, *, indent: bool = True) -> str:
    """Return the tree as JSON, with unprintable characters escaped."""
    return "".join(_parts(tree, "\n" if indent else "", 0))


def _parts(tree: Any, end: str, level: int) -> Iterator[str]:
    if isinstance(tree, Number):
        yield lines_printable(tree)
    elif isinstance(tree, str):
        yield quoted(tree)
    elif isinstance(tree, list):
        opening, closing = ("{", "}") if isinstance(tree, Pairs) else ("[", "]")
        yield opening
        inner = end and end + "  " * (level + 1)
        for position, one in enumerate(tree):
            yield ("," if end else ", ") if position else ""
            yield inner
            value = one
            if isinstance(tree, Pairs):
                key, value = one
                yield f"{quoted(key)}: "
            yield from _parts(value, end, level + 1)
        yield (end and end + "  " * level if tree else "") + closing
    else:
        yield json.dumps(tree)


def quoted(text: str) -> str:
    """Return the text as a JSON string. Unprintable characters are escaped as JSON escapes them."""
    found = json.dumps(text, ensure_ascii=False)
    if found.isascii() and found.isprintable():
        return found
    return "".join(one if _plain(one) else json.dumps(one)[1:-1] for one in found)


def _plain(character: str) -> bool:
    return lines_printable(character) == character and character != "\x7f"
