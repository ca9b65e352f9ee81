"""Turn values of other formats than JSON into trees."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from vhosts.messages.decoding.result import (
    MOST_VALUES,
    NESTED_AT_MOST,
    TOO_MANY,
    Undecodable,
)
from vhosts.messages.decoding.trees import Number, Pairs


def tree_of(value: Any, pairs: type[list[Any]] = Pairs) -> Any:
    """Return the tree of a value. `pairs` is the type of the lists that stand for objects. Bytes
    become hex with 0x before it. Raises Undecodable if it is too large or nested too deep."""
    return _Conversion(pairs).tree(value, 0)


class _Conversion:
    """A conversion and how many values it met."""

    def __init__(self, pairs: type[list[Any]]) -> None:
        self.pairs, self.values = pairs, 0

    def tree(self, value: Any, level: int) -> Any:
        self.values += 1
        if self.values > MOST_VALUES:
            raise Undecodable(TOO_MANY)
        if level > NESTED_AT_MOST:
            raise Undecodable(f"nested more than {NESTED_AT_MOST} levels deep")
        match value:
            case None | bool() | str():
                return value
            case int() | float():
                return Number(_number(value))
            case Decimal():
                return Number(value)
            case bytes() | bytearray():
                return "0x" + value.hex()
            case Mapping():
                return self._object(value.items(), level)
            case list() if isinstance(value, self.pairs):
                return self._object(value, level)
            case list() | tuple():
                return [self.tree(below, level + 1) for below in value]
            case datetime():
                return value.isoformat()
            case _:
                return str(value)[:10_000]

    def _object(self, items: Iterable[tuple[Any, Any]], level: int) -> Pairs:
        return Pairs((_key(key), self.tree(below, level + 1)) for key, below in items)


def plain(tree: Any) -> Any:
    """Return a tree as values for JSON: dicts (of duplicate keys the last), lists, numbers."""
    if isinstance(tree, Pairs):
        return {key: plain(value) for key, value in tree}
    if isinstance(tree, Number):
        try:
            return json.loads(tree, parse_constant=str)
        except ValueError:
            return str(tree)
    if isinstance(tree, list):
        return [plain(value) for value in tree]
    return tree


def _number(value: float) -> str:
    """Return the number's digits. Python refuses to print integers of thousands of digits."""
    if isinstance(value, int) and value.bit_length() > 4096:
        return hex(value)
    return str(value)


def _key(key: Any) -> str:
    if isinstance(key, str):
        return key
    if isinstance(key, bytes):
        return key.decode("utf-8", "replace")
    return str(key)[:10_000]
