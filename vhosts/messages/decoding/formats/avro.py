"""Avro: one datum with a schema, or a container file with its own.

Our own instead of fastavro: a schema is as hostile as a body, and that library's C code follows
types within themselves until the stack ends, and makes a billion values of no bytes on request.
Here each value counts against a budget.
"""

from __future__ import annotations

import io
import json
import struct
from typing import Any

from vhosts.messages.decoding.packed import inflate_raw
from vhosts.messages.decoding.result import (
    MOST_VALUES,
    NESTED_AT_MOST,
    TOO_MANY,
    Undecodable,
)
from vhosts.messages.decoding.schemas import LARGEST_SCHEMA, Schema
from vhosts.messages.decoding.trees import Number, Pairs

_MAGIC = b"Obj\x01"
_PRIMITIVE = ("null", "boolean", "int", "long", "float", "double", "bytes", "string")
_META = {"type": "map", "values": "bytes"}


def read_avro(data: bytes, schema: Schema) -> Any:
    """Return the tree of a datum, also behind the prefix of Confluent's registry or of Avro's
    single-object encoding. Raises Undecodable."""
    types = _Types(schema.content)
    if len(data) > 5 and data[0] == 0:
        try:
            return _datum(data[5:], types)
        except Undecodable:
            pass
    return _datum(data[10:] if data.startswith(b"\xc3\x01") else data, types)


def read_container(data: bytes) -> Any:
    """Return the tree of a container file's records. Raises Undecodable."""
    if not data.startswith(_MAGIC):
        raise Undecodable("doesn't start like an Avro container")
    reading = _Reading(data, _Types(json.dumps(_META).encode()))
    reading.take(len(_MAGIC))
    meta = {key: bytes.fromhex(value[2:]) for key, value in reading.value(_META, 0)}
    codec = meta.get("avro.codec", b"null")
    if codec not in (b"null", b"deflate"):
        raise Undecodable(f"packed with {codec[:20].decode('ascii', 'replace')}")
    types = _Types(meta.get("avro.schema", b""))
    sync = reading.take(16)
    found: list[Any] = []
    values = 0
    while reading.left():
        count, block = reading.long(), reading.take(reading.long())
        records = _Reading(inflate_raw(block) if codec == b"deflate" else block, types, values)
        found.extend(records.value(types.top, 1) for _ in range(max(count, 0)))
        values = records.values
        if records.left() or reading.take(16) != sync:
            raise Undecodable("a damaged block")
    return found


def _datum(data: bytes, types: _Types) -> Any:
    reading = _Reading(data, types)
    found = reading.value(types.top, 0)
    if reading.left():
        raise Undecodable(f"fits the Avro schema only up to byte {len(data) - reading.left()}")
    return found


class _Types:
    """A schema and the types that it names."""

    def __init__(self, content: bytes) -> None:
        if len(content) > LARGEST_SCHEMA:
            raise Undecodable(f"the schema is larger than {LARGEST_SCHEMA} bytes")
        try:
            self.top = json.loads(content)
        except (ValueError, RecursionError):
            raise Undecodable("the schema isn't JSON") from None
        self.named: dict[str, Any] = {}
        below = [(self.top, "", 0)]
        while below:
            schema, space, level = below.pop()
            if level > NESTED_AT_MOST:
                raise Undecodable("the schema is nested too deep")
            below.extend((each, inner, level + 1) for each, inner in self._learn(schema, space))

    def _learn(self, schema: Any, space: str) -> list[tuple[Any, str]]:
        """Note a named type. Return the schemas within, each with its namespace."""
        if isinstance(schema, list):
            return [(each, space) for each in schema]
        if not isinstance(schema, dict):
            return []
        name = schema.get("name")
        if isinstance(name, str) and schema.get("type") in ("record", "error", "enum", "fixed"):
            given = schema.get("namespace")
            space = name.rpartition(".")[0] or (given if isinstance(given, str) else space)
            short = name.rpartition(".")[2]
            self.named[f"{space}.{short}" if space else short] = schema
            self.named.setdefault(short, schema)
        fields = schema.get("fields")
        listed = fields if isinstance(fields, list) else []
        inner = [one.get("type") for one in listed if isinstance(one, dict)]
        inner += [schema.get("items"), schema.get("values"), schema.get("type")]
        return [(each, space) for each in inner if isinstance(each, list | dict)]


class _Reading:
    """A position in the data, and how many values were read."""

    def __init__(self, data: bytes, types: _Types, values: int = 0) -> None:
        self.stream, self.size = io.BytesIO(data), len(data)
        self.named, self.values = types.named, values

    def left(self) -> int:
        """Return the bytes behind the position."""
        return self.size - self.stream.tell()

    def take(self, count: int) -> bytes:
        if not 0 <= count <= self.left():
            raise Undecodable(f"ends at byte {self.size}, in the middle of a value")
        return self.stream.read(count)

    def long(self) -> int:
        found = 0
        for position in range(10):
            byte = self.take(1)[0]
            found |= (byte & 0x7F) << (7 * position)
            if byte < 0x80:
                return (found >> 1) ^ -(found & 1)
        raise Undecodable("a number of more than 10 bytes")

    def value(self, schema: Any, level: int) -> Any:
        self.values += 1
        if self.values > MOST_VALUES:
            raise Undecodable(TOO_MANY)
        if level > NESTED_AT_MOST:
            raise Undecodable(f"nested more than {NESTED_AT_MOST} levels deep")
        if isinstance(schema, list):
            at = self.long()
            if not 0 <= at < len(schema):
                raise Undecodable("a type that the schema's union lacks")
            return self.value(schema[at], level + 1)
        if isinstance(schema, str):
            if schema in _PRIMITIVE:
                return self._primitive(schema)
            if schema not in self.named:
                raise Undecodable(f"the schema has no type {schema[:80]}")
            return self.value(self.named[schema], level + 1)
        if isinstance(schema, dict):
            return self._complex(schema, level + 1)
        raise Undecodable("not an Avro schema")

    def _primitive(self, kind: str) -> Any:
        match kind:
            case "null":
                return None
            case "boolean":
                return self.take(1) != b"\0"
            case "int" | "long":
                return Number(self.long())
            case "float":
                return Number(struct.unpack("<f", self.take(4))[0])
            case "double":
                return Number(struct.unpack("<d", self.take(8))[0])
            case "bytes":
                return "0x" + self.take(self.long()).hex()
            case _:
                return self.take(self.long()).decode("utf-8", "replace")

    def _complex(self, schema: dict[str, Any], level: int) -> Any:
        match schema.get("type"):
            case "record" | "error":
                fields = schema.get("fields")
                return Pairs(
                    (str(each.get("name")), self.value(each.get("type"), level))
                    for each in (fields if isinstance(fields, list) else ())
                    if isinstance(each, dict)
                )
            case "array":
                return [self.value(schema.get("items"), level) for _ in self._blocks()]
            case "map":
                return Pairs(
                    (self._primitive("string"), self.value(schema.get("values"), level))
                    for _ in self._blocks()
                )
            case "enum":
                symbols, at = schema.get("symbols"), self.long()
                if not isinstance(symbols, list) or not 0 <= at < len(symbols):
                    raise Undecodable("a symbol that the schema's enumeration lacks")
                return str(symbols[at])
            case "fixed":
                size = schema.get("size")
                return "0x" + self.take(size if isinstance(size, int) else -1).hex()
            case kind:
                return self.value(kind, level)

    def _blocks(self) -> Any:
        """Yield once for each element of the blocks of an array or map."""
        while count := self.long():
            if count < 0:
                count = -count
                self.long()
            for _ in range(count):
                yield None
