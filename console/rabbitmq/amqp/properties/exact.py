"""Message properties that keep the bytes they arrived in, so that a message can be passed on unchanged.

pika decodes header tables with loss, and a header that it can't decode ends its connection. From
here on (`register`), every message that pika delivers has ExactProperties: they are decoded when
read, without loss and without ever raising, and encoded as exactly the same bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import pika
from pika import spec

from console.rabbitmq.amqp.properties.fields import BadField, Typed, decode, encode, entries, short

#: The properties in the order in which AMQP sends them.
FIELDS: Final = (
    "content_type", "content_encoding", "headers", "delivery_mode", "priority", "correlation_id",
    "reply_to", "expiration", "message_id", "timestamp", "type", "user_id", "app_id", "cluster_id",
)  # fmt: skip
_FIXED: Final = {"delivery_mode": ">B", "priority": ">B", "timestamp": ">Q"}


class ExactProperties(pika.BasicProperties):  # type: ignore[misc]
    """Properties as they arrived. They can't be changed; `edited` returns a changed copy.

    Reads like pika's BasicProperties: `headers` is a plain dict (None if there is no table), in
    which a name that occurs twice has its last value. `fields` has each header with its type.
    """

    def __init__(self, raw: bytes = b"\0\0") -> None:
        self.__dict__["raw"] = raw

    def decode(self, encoded: bytes, offset: int = 0) -> ExactProperties:
        """Keep the bytes; called by pika."""
        self.__dict__.clear()
        self.__dict__["raw"] = bytes(encoded[offset:])
        return self

    def encode(self) -> list[bytes]:
        """Return the bytes; called by pika."""
        return [self.__dict__["raw"]]

    @property
    def parts(self) -> dict[str, bytes]:
        """The bytes of each property that is set, in order. Of headers: the table without its
        length. Empty if the bytes make no sense."""
        found = self.__dict__.get("_parts")
        if found is None:
            try:
                found = _parts(self.__dict__["raw"])
            except (BadField, struct.error, IndexError):
                found = {}
            self.__dict__["_parts"] = found
        return found  # type: ignore[no-any-return]

    @property
    def fields(self) -> list[tuple[str, Typed]]:
        """Each header with its type, in order. Empty if the table makes no sense."""
        table = self.parts.get("headers", b"")
        try:
            return [(name, decode(table, start)) for name, _, start, _ in entries(table)]
        except (BadField, struct.error):
            return []

    def field(self, name: str) -> Typed | None:
        """Return one header; None if there is none of this name."""
        table = self.parts.get("headers", b"")
        try:
            for found, _, start, _ in entries(table):
                if found == name:
                    return decode(table, start)
        except (BadField, struct.error):
            return None
        return None

    @property
    def header_names(self) -> list[str]:
        try:
            return [name for name, *_ in entries(self.parts.get("headers", b""))]
        except BadField:
            return []

    def __getattr__(self, name: str) -> Any:
        # Only called for what __dict__ doesn't have yet.
        if name not in FIELDS:
            raise AttributeError(name)
        value = self._value(name)
        self.__dict__[name] = value
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("Properties of a received message can't be changed. Use edited().")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ExactProperties) and self.encode() == other.encode()

    def __hash__(self) -> int:
        return hash(self.__dict__["raw"])

    def __repr__(self) -> str:
        return f"<ExactProperties {', '.join(self.parts)}>"

    def _value(self, name: str) -> Any:
        part = self.parts.get(name)
        if part is None:
            return None
        if name == "headers":
            return {field: typed.plain for field, typed in self.fields}
        if name in _FIXED:
            return struct.unpack(_FIXED[name], part)[0]
        try:
            return part[1:].decode()
        except UnicodeDecodeError:
            return part[1:]

    def edited(
        self,
        *,
        headers: Mapping[str, Typed] | None = None,
        without_headers: Collection[str] = (),
        renamed: Mapping[str, str] | None = None,
        without: Collection[str] = (),
    ) -> ExactProperties:
        """Return a copy with some headers set, removed or renamed (old name to new one), and some
        properties removed. All others keep their bytes and their order. A header that is set
        replaces one of the same name and comes last. Raises BadField."""
        parts = {name: part for name, part in self.parts.items() if name not in without}
        new, names = dict(headers or {}), dict(renamed or {})
        table = parts.get("headers", b"")
        kept = []
        for name, at, start, end in entries(table):
            if name in without_headers or name in new or name in names.values():
                continue
            kept.append(short(names[name]) + table[start:end] if name in names else table[at:end])
        kept += [short(name) + encode(value) for name, value in new.items()]
        if kept or "headers" in parts:
            parts["headers"] = b"".join(kept)
        return ExactProperties(_joined(parts))


def exact(properties: pika.BasicProperties) -> ExactProperties:
    """Return properties that were made here as exact ones, encoded as pika encodes them."""
    if isinstance(properties, ExactProperties):
        return properties
    return ExactProperties(b"".join(properties.encode()))


def properties_of(
    values: Mapping[str, str | int], headers: Sequence[tuple[str, Typed]] | None = None
) -> ExactProperties:
    """Return properties from values by name (FIELDS without headers) and typed headers. None for no
    header table. Raises BadField."""
    parts: dict[str, bytes] = {}
    for name in FIELDS:
        if name == "headers":
            if headers is not None:
                parts[name] = b"".join(short(one) + encode(value) for one, value in headers)
        elif name in values:
            value = values[name]
            try:
                parts[name] = (
                    struct.pack(_FIXED[name], value) if name in _FIXED else short(str(value))
                )
            except struct.error as error:
                raise BadField(f"The value of {name} is out of range.") from error
    return ExactProperties(_joined(parts))


def register() -> None:
    """Let pika decode the properties of every message into ExactProperties, in this process.
    tests/adapter/test_exact.py guards the table of pika's that this changes."""
    spec.props[spec.BasicProperties.INDEX] = ExactProperties


def _parts(raw: bytes) -> dict[str, bytes]:
    """Split the bytes of a property list. Raises BadField, struct.error or IndexError."""
    flags = struct.unpack_from(">H", raw)[0]
    if flags & 1:
        raise BadField("AMQP 0-9-1 has no more than 14 properties.")
    found, at = {}, 2
    for number, name in enumerate(FIELDS):
        if not flags & (1 << (15 - number)):
            continue
        start = at
        if name == "headers":
            start = at + 4
            end = start + struct.unpack_from(">I", raw, at)[0]
        elif name in _FIXED:
            end = at + struct.calcsize(_FIXED[name])
        else:
            end = at + 1 + raw[at]
        if end > len(raw):
            raise BadField("A property is longer than the frame.")
        found[name], at = raw[start:end], end
    return found


def _joined(parts: Mapping[str, bytes]) -> bytes:
    flags, pieces = 0, []
    for number, name in enumerate(FIELDS):
        if name in parts:
            flags |= 1 << (15 - number)
            part = parts[name]
            pieces.append(struct.pack(">I", len(part)) + part if name == "headers" else part)
    return struct.pack(">H", flags) + b"".join(pieces)
