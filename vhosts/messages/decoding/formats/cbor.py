"""CBOR (RFC 8949), read without acting on tags.

Our own instead of cbor2: that one turns objects into dicts, which lose duplicate keys that a
masking rule must see, and evaluates tags of hostile messages, such as powers, patterns and
references of a value to itself.
"""

from __future__ import annotations

import struct
from typing import Any

from vhosts.messages.decoding.result import (
    MOST_VALUES,
    NESTED_AT_MOST,
    TOO_MANY,
    Undecodable,
)
from vhosts.messages.decoding.trees import Number, Pairs

_BREAK = object()
_SIMPLE = {20: False, 21: True, 22: None, 23: "undefined"}
_FLOATS = {25: ">e", 26: ">f", 27: ">d"}


def read_cbor(data: bytes) -> Any:
    """Return the tree. Tag 55799 ("this is CBOR") is skipped; other tags show as an object of tag
    and value. Raises Undecodable."""
    reading = _Reading(data)
    tree = reading.value(0)
    if reading.at != len(data):
        raise Undecodable(f"has bytes behind its end, at byte {reading.at}")
    if not isinstance(tree, list):
        raise Undecodable("a single value, which any byte can be")
    return tree


class _Reading:
    """A position in the data."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at, self.values = data, 0, 0

    def value(self, level: int) -> Any:
        found = self._item(level)
        if found is _BREAK:
            raise Undecodable(f"an end without a beginning at byte {self.at - 1}")
        return found

    def _item(self, level: int) -> Any:
        self.values += 1
        if self.values > MOST_VALUES:
            raise Undecodable(TOO_MANY)
        if level > NESTED_AT_MOST:
            raise Undecodable(f"nested more than {NESTED_AT_MOST} levels deep")
        first = self._take(1)[0]
        major, info = first >> 5, first & 31
        if major == 7:
            return self._simple(info)
        length = self._length(major, info)
        match major:
            case 0:
                return Number(length)
            case 1:
                return Number(-1 - (length or 0))
            case 2:
                return "0x" + self._string(major, length).hex()
            case 3:
                return self._string(major, length).decode("utf-8", "replace")
            case 4:
                return self._array(length, level)
            case 5:
                return self._map(length, level)
        below = self.value(level + 1)
        return below if length == 55799 else Pairs([("tag", Number(length)), ("value", below)])

    def _take(self, count: int) -> bytes:
        taken = self.data[self.at : self.at + count]
        if len(taken) < count:
            raise Undecodable(f"ends at byte {len(self.data)}, in the middle of a value")
        self.at += count
        return taken

    def _length(self, major: int, info: int) -> int | None:
        """Return the argument. None: the length isn't stated, an end follows."""
        if info < 24:
            return info
        if info < 28:
            return int.from_bytes(self._take(1 << (info - 24)), "big")
        if info == 31 and major in (2, 3, 4, 5):
            return None
        raise Undecodable(f"an impossible length at byte {self.at - 1}")

    def _simple(self, info: int) -> Any:
        if info == 31:
            return _BREAK
        if info in _FLOATS:
            size = 1 << (info - 24)
            return Number(struct.unpack(_FLOATS[info], self._take(size))[0])
        if info == 24:
            info = self._take(1)[0]
        if info > 255 or 24 < info < 32:
            raise Undecodable(f"an impossible value at byte {self.at - 1}")
        return _SIMPLE.get(info, f"simple({info})")

    def _string(self, major: int, length: int | None) -> bytes:
        if length is not None:
            return self._take(length)
        parts = []
        while (first := self._take(1)[0]) != 0xFF:
            if first >> 5 != major or first & 31 == 31:
                raise Undecodable(f"a wrong part of a string at byte {self.at - 1}")
            parts.append(self._take(self._length(major, first & 31) or 0))
        return b"".join(parts)

    def _array(self, length: int | None, level: int) -> list[Any]:
        self._refuse_longer(length)
        found: list[Any] = []
        while length is None or len(found) < length:
            value = self._item(level + 1) if length is None else self.value(level + 1)
            if value is _BREAK:
                break
            found.append(value)
        return found

    def _map(self, length: int | None, level: int) -> Pairs:
        self._refuse_longer(length)
        found = Pairs()
        while length is None or len(found) < length:
            key = self._item(level + 1) if length is None else self.value(level + 1)
            if key is _BREAK:
                break
            name = key if isinstance(key, str) else str(key)[:10_000]
            found.append((str(name), self.value(level + 1)))
        return found

    def _refuse_longer(self, length: int | None) -> None:
        """Every element takes at least a byte."""
        if length is not None and length > len(self.data) - self.at:
            raise Undecodable(f"states {length} elements in {len(self.data)} bytes")
