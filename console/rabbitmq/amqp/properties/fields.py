"""Values of AMQP 0-9-1 header tables with their types, decoded and encoded without loss.

pika's own codec drops the width of whole numbers and the digits of floats, and ends the connection
at a type or a time that it can't represent. Type letters as RabbitMQ uses them:
https://www.rabbitmq.com/amqp-0-9-1-errata (section 3, Field types).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

#: Name of each type, by its letter.
TYPES: Final = {
    "t": "boolean",
    "b": "int8",
    "B": "uint8",
    "s": "int16",
    "U": "int16",
    "u": "uint16",
    "I": "int32",
    "i": "uint32",
    "l": "int64",
    "L": "int64",
    "f": "float",
    "d": "double",
    "D": "decimal",
    "S": "string",
    "x": "bytes",
    "T": "timestamp",
    "V": "void",
    "A": "array",
    "F": "table",
}
_NUMBERS: Final = {
    "t": ">?", "b": ">b", "B": ">B", "s": ">h", "U": ">h", "u": ">H", "I": ">i", "i": ">I",
    "l": ">q", "L": ">q", "f": ">f", "d": ">d", "T": ">Q",
}  # fmt: skip
_SIZES: Final = {letter: struct.calcsize(form) for letter, form in _NUMBERS.items()}
_DECIMAL_SIZE = 5
_LENGTH = struct.Struct(">I")
#: Tables and arrays may be nested this deep; deeper ones are shown as their bytes.
DEEPEST: Final = 64
_LAST: Final = int(datetime.max.replace(tzinfo=UTC).timestamp()) - 86_400


class BadField(ValueError):
    """These bytes aren't a header table, or this value doesn't fit its type."""


@dataclass(frozen=True, slots=True)
class Typed:
    """A value with its type letter. `value` is a bool, int, float, Decimal, str, bytes or None; of a
    string that isn't UTF-8 the bytes; of a timestamp the seconds since 1970; of an array a list of
    Typed; of a table a list of (name, Typed), because names may occur twice."""

    letter: str
    value: Any

    @property
    def type(self) -> str:
        """Its name, such as "int32"."""
        return TYPES.get(self.letter, "unknown")

    @property
    def plain(self) -> Any:
        """The value without types: lists and dicts of plain values; of a timestamp a datetime, or
        the seconds if there is no such date."""
        if self.letter == "A" and isinstance(self.value, list):
            return [one.plain for one in self.value]
        if self.letter == "F" and isinstance(self.value, list):
            return {name: one.plain for name, one in self.value}
        if self.letter == "T":
            return self.value if self.value > _LAST else datetime.fromtimestamp(self.value, UTC)
        return self.value


def size_at(data: bytes, at: int) -> int:
    """Return the number of bytes of the value at `at`, including its type letter. Raises BadField."""
    letter = chr(data[at]) if at < len(data) else ""
    if letter in _SIZES:
        size = 1 + _SIZES[letter]
    elif letter == "D":
        size = 1 + _DECIMAL_SIZE
    elif letter == "V":
        size = 1
    elif letter and letter in "SxAF":
        size = 5 + _length(data, at + 1)
    else:
        raise BadField(f"There is no field type {letter!r}.")
    if at + size > len(data):
        raise BadField("A value is longer than its table.")
    return size


def decode(data: bytes, at: int = 0, depth: int = 0) -> Typed:
    """Return the value at `at`. Raises BadField."""
    end = at + size_at(data, at)
    letter = chr(data[at])
    if letter in _NUMBERS:
        return Typed(letter, struct.unpack_from(_NUMBERS[letter], data, at + 1)[0])
    if letter == "D":
        places, number = struct.unpack_from(">Bi", data, at + 1)
        return Typed(letter, Decimal(number).scaleb(-places))
    if letter == "V":
        return Typed(letter, None)
    inner = data[at + 5 : end]
    if letter == "S":
        return Typed(letter, _text(inner))
    if letter == "x" or depth >= DEEPEST:
        return Typed("x", inner)
    if letter == "F":
        return Typed(letter, [(name, decode(inner, start, depth + 1)) for name, _, start, _ in entries(inner)])  # fmt: skip
    found, start = [], 0
    while start < len(inner):
        found.append(decode(inner, start, depth + 1))
        start += size_at(inner, start)
    return Typed(letter, found)


def entries(table: bytes) -> list[tuple[str, int, int, int]]:
    """Return (name, start of the entry, start of its value, end) of each entry of a table, given
    without its length. Raises BadField."""
    found, at = [], 0
    while at < len(table):
        start = at + 1 + table[at]
        if start > len(table):
            raise BadField("A name is longer than its table.")
        end = start + size_at(table, start)
        name = table[at + 1 : start].decode("utf-8", "backslashreplace")
        found.append((name, at, start, end))
        at = end
    return found


def encode(value: Typed) -> bytes:
    """Return the bytes of a value, including its type letter. Raises BadField."""
    letter, given = value.letter, value.value
    try:
        if letter in _NUMBERS:
            packed = struct.pack(_NUMBERS[letter], given)
        elif letter == "D":
            packed = _decimal(Decimal(given))
        elif letter == "V":
            packed = b""
        elif letter == "A" and isinstance(given, Sequence) and not isinstance(given, (str, bytes)):
            packed = _long(b"".join(encode(one) for one in given))
        elif letter == "F" and not isinstance(given, (str, bytes)):
            packed = _long(b"".join(entry(name, one) for name, one in given))
        elif letter in ("S", "x") and isinstance(given, (str, bytes)):
            packed = _long(given.encode() if isinstance(given, str) else bytes(given))
        else:
            raise BadField(f"The value doesn't fit the type {value.type}.")
    except (struct.error, TypeError, ArithmeticError, UnicodeEncodeError) as error:
        raise BadField(f"The value doesn't fit the type {value.type}.") from error
    return letter.encode() + packed


def entry(name: str, value: Typed) -> bytes:
    """Return the bytes of an entry of a table. Raises BadField."""
    return short(name) + encode(value)


def short(text: str | bytes) -> bytes:
    """Return a string of at most 255 bytes with its length. Raises BadField."""
    data = text.encode() if isinstance(text, str) else text
    if len(data) > 255:
        raise BadField("A name has at most 255 bytes.")
    return bytes([len(data)]) + data


def _decimal(value: Decimal) -> bytes:
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int):
        raise BadField("A decimal must be a number.")
    places = max(0, -exponent)
    return struct.pack(">Bi", places, int(value.scaleb(places)))


def _long(data: bytes) -> bytes:
    return _LENGTH.pack(len(data)) + data


def _length(data: bytes, at: int) -> int:
    if at + 4 > len(data):
        raise BadField("A value is longer than its table.")
    return int(_LENGTH.unpack_from(data, at)[0])


def _text(data: bytes) -> str | bytes:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data
