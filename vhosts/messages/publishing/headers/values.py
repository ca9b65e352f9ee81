"""Values of headers: from JSON or a form's text to exact AMQP types, and back.

JSON's own types become text, a 64-bit whole number, a double, a boolean, null, a list or a table.
Whatever else AMQP has is written `{"$type": "timestamp", "value": 1700000000}`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from console.errors import InvalidField
from console.rabbitmq.amqp.properties.fields import Typed
from vhosts.messages.publishing.headers.scalars import (
    NAMES,
    RANGES,
    TYPES,
    Unfit,
    bytes_of,
    decimal_of,
    finite_of,
    seconds,
    text_of,
    whole_of,
)
from vhosts.routing.message import check_name

#: What the form offers, with the names that it shows.
CHOICES: Mapping[str, str] = {
    "string": "Text",
    "int64": "Whole number",
    "double": "Decimal number",
    "boolean": "true or false",
    "timestamp": "Timestamp",
    "bytes": "Bytes (base64)",
    "json": "List or table (JSON)",
    "void": "null",
    "int32": "Whole number, 32 bits",
    "decimal": "AMQP decimal",
}
_MOST_HEADERS = 100
_MOST_DEPTH = 16
_TAG = "$type"


def read_headers(data: Any, field: str = "headers") -> dict[str, Typed]:
    """Return the headers of a JSON object. Raises InvalidField at `field`."""
    if not isinstance(data, dict):
        raise InvalidField(field, "Headers are a JSON object of names and values.")
    if len(data) > _MOST_HEADERS:
        raise InvalidField(field, f"{len(data):,} headers; the limit here is {_MOST_HEADERS}.")
    found = {}
    for name, value in data.items():
        check_name(field, name)
        found[name] = read_value(value, f"{field}.{name[:60]}")
    return found


def read_value(value: Any, field: str) -> Typed:
    """Return a JSON value with its type. Raises InvalidField at `field`."""
    try:
        return _typed(value, 1)
    except Unfit as error:
        raise InvalidField(field, str(error)) from None


def read_text(kind: str, text: str, field: str) -> Typed:
    """Return what is typed into the form for one of CHOICES. Raises InvalidField at `field`."""
    try:
        return _from_text(kind, text)
    except Unfit as error:
        raise InvalidField(field, str(error)) from None


def as_json(headers: Mapping[str, Typed]) -> dict[str, Any]:
    """Return headers as `read_headers` reads them."""
    return {name: _json(value) for name, value in headers.items()}


def as_text(typed: Typed) -> tuple[str, str]:
    """Return (type, text) of a value as the form shows it."""
    if typed.letter == "S":
        return "string", typed.value
    if typed.letter in ("l", "I"):
        return NAMES[typed.letter], str(typed.value)
    if typed.letter in ("d", "D"):
        return NAMES[typed.letter], str(typed.value)
    if typed.letter == "t":
        return "boolean", "true" if typed.value else "false"
    if typed.letter == "T":
        return "timestamp", str(typed.value)
    if typed.letter == "x":
        return "bytes", base64.b64encode(typed.value).decode()
    if typed.letter == "V":
        return "void", ""
    return "json", json.dumps(_json(typed), ensure_ascii=False)


def for_router(headers: Mapping[str, Typed]) -> dict[str, Any]:
    """Return headers as plain values, as the router compares them. Timestamps, bytes and AMQP
    decimals equal no value of a binding that JSON can write: they become lists that equal none."""
    return {name: _plain(value) for name, value in headers.items()}


def _plain(typed: Typed) -> Any:
    if typed.letter == "A":
        return [_plain(one) for one in typed.value]
    if typed.letter == "F":
        return {name: _plain(one) for name, one in typed.value}
    return [NAMES[typed.letter], str(typed.value)[:200]] if typed.letter in "TxD" else typed.value


def _json(typed: Typed) -> Any:
    letter, value = typed.letter, typed.value
    if letter in "SltdV":
        return value
    if letter == "A":
        return [_json(one) for one in value]
    if letter == "F":
        table = {name: _json(one) for name, one in value}
        return {_TAG: "table", "value": table} if _TAG in table else table
    if letter == "x":
        value = base64.b64encode(value).decode()
    return {_TAG: NAMES[letter], "value": str(value) if letter == "D" else value}


def _typed(value: Any, depth: int) -> Typed:
    if depth > _MOST_DEPTH:
        raise Unfit(f"Nested too deep; the limit is {_MOST_DEPTH} levels.")
    if isinstance(value, dict):
        if _TAG not in value:
            return _table(value, depth)
        if set(value) != {_TAG, "value"} or str(value[_TAG]) not in TYPES:
            raise Unfit(f'A typed value is {{"{_TAG}": one of {", ".join(TYPES)}, "value": …}}.')
        return _of_type(str(value[_TAG]), value["value"], depth)
    if isinstance(value, bool):
        return Typed("t", value)
    if value is None:
        return Typed("V", None)
    if isinstance(value, str):
        return Typed("S", text_of(value))
    if isinstance(value, list):
        return Typed("A", [_typed(one, depth + 1) for one in value])
    return _of_type("double" if isinstance(value, float) else "int64", value, depth)


def _table(value: dict[str, Any], depth: int) -> Typed:
    found = []
    for name, one in value.items():
        try:
            check_name("", name)
        except InvalidField as error:
            raise Unfit(f"A name in the table: {error.message}") from None
        found.append((name, _typed(one, depth + 1)))
    return Typed("F", found)


def _of_type(kind: str, value: Any, depth: int) -> Typed:
    """Return a value of JSON as a value of an AMQP type."""
    letter = TYPES[kind]
    if letter == "F" and isinstance(value, dict):
        return _table(value, depth)
    if letter == "A" and isinstance(value, list):
        return Typed("A", [_typed(one, depth + 1) for one in value])
    if letter in "df" and isinstance(value, int | float) and not isinstance(value, bool):
        return Typed(letter, finite_of(value, 3.4028234e38 if letter == "f" else None))
    if letter in RANGES and isinstance(value, int) and not isinstance(value, bool):
        return Typed(letter, whole_of(kind, value))
    if letter == "S" and isinstance(value, str):
        return Typed("S", text_of(value))
    if letter == "t" and isinstance(value, bool):
        return Typed("t", value)
    if letter == "V" and value is None:
        return Typed("V", None)
    if letter in "xDT" and isinstance(value, str):
        return _from_text(kind, value)
    raise Unfit(f"This isn't a value of the type {kind}.")


def _from_text(kind: str, text: str) -> Typed:
    stripped = text.strip()
    if kind == "string":
        return Typed("S", text_of(text))
    if kind == "void":
        if stripped:
            raise Unfit("null has no value. Leave it empty, or choose another type.")
        return Typed("V", None)
    if kind == "boolean" and stripped.lower() in ("true", "false"):
        return Typed("t", stripped.lower() == "true")
    if kind == "bytes":
        return Typed("x", bytes_of(stripped))
    if kind == "timestamp":
        return Typed("T", seconds(stripped))
    if kind == "json":
        return _from_json(text)
    if kind == "decimal":
        return Typed("D", decimal_of(stripped))
    try:
        if kind == "double":
            return Typed("d", finite_of(float(stripped)))
        if kind in ("int64", "int32") and len(stripped) < 30:
            return Typed(TYPES[kind], whole_of(kind, int(stripped)))
    except ValueError:
        pass
    raise Unfit(f"This isn't a value of the type “{CHOICES.get(kind, kind)}”.")


def read_seconds(value: Any, field: str) -> int:
    """Return the seconds of a property `timestamp`, given as a number or text. Raises
    InvalidField."""
    try:
        if isinstance(value, str):
            return seconds(value.strip())
        if isinstance(value, int) and not isinstance(value, bool):
            return whole_of("timestamp", value)
    except Unfit as error:
        raise InvalidField(field, str(error)) from None
    raise InvalidField(field, "A timestamp is whole seconds since 1970, or a time in ISO 8601.")


def _from_json(text: str) -> Typed:
    try:
        found = json.loads(text, parse_constant=_refuse_constant, parse_int=_integer)
    except RecursionError:
        raise Unfit(f"Nested too deep; the limit is {_MOST_DEPTH} levels.") from None
    except ValueError:
        raise Unfit("This isn't valid JSON.") from None
    if not isinstance(found, list | dict):
        raise Unfit('Write a list or a table: [1, 2] or {"a": 1}.')
    return _typed(found, 1)


def _integer(digits: str) -> int:
    # Python takes quadratic time for long numbers. All of this length are too large anyway.
    return int(digits) if len(digits) <= 30 else 10**30


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)
