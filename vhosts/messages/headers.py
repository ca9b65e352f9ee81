"""Headers and properties of a message as rows, and its deaths, with what masks hide left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from console.rabbitmq.amqp.message import Message
from console.rabbitmq.text import printable
from vhosts.messages.decoding.foreign import plain, tree_of
from vhosts.messages.decoding.result import Undecodable
from vhosts.messages.decoding.trees import written
from vhosts.messages.masking.masks import STARS, CannotMask, Masks, header_mask, hide_in_header

#: Characters of a value that are shown at most.
_LONGEST = 4096
_MOST_DEATHS = 100
_PROPERTIES = (
    "content_type", "content_encoding", "delivery_mode", "priority", "correlation_id", "reply_to",
    "expiration", "message_id", "timestamp", "type", "user_id", "app_id", "cluster_id",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """A header or property. `type` names the kind of value; `value` is the value for JSON. `masked`:
    a rule hides the value or a part of it, in `value` too."""

    name: str
    type: str
    text: str
    masked: bool = False
    value: Any = None


@dataclass(frozen=True, slots=True)
class Death:
    """One entry of x-death, newest first. `count` and `at` are None if the broker didn't say."""

    queue: str
    reason: str
    exchange: str
    routing_keys: tuple[str, ...]
    count: int | None
    at: datetime | None


def property_rows(message: Message, masks: Masks) -> tuple[Row, ...]:
    """Return the properties that are set, except headers."""
    found = {name: getattr(message.properties, name, None) for name in _PROPERTIES}
    return tuple(_rows({name: value for name, value in found.items() if value is not None}, masks))


def header_rows(message: Message, masks: Masks) -> tuple[Row, ...]:
    """Return the headers in their order."""
    return tuple(_rows(message.headers, masks))


def deaths(headers: tuple[Row, ...]) -> tuple[Death, ...]:
    """Return the entries of x-death that can be read, as far as its row shows it."""
    row = next((row for row in headers if row.name == "x-death"), None)
    entries = row.value if row is not None and isinstance(row.value, list) else []
    return tuple(_death(entry) for entry in entries[:_MOST_DEATHS] if isinstance(entry, dict))


def _rows(values: Mapping[str, Any], masks: Masks) -> Iterator[Row]:
    for name, value in values.items():
        name = str(name)
        mask = header_mask(name, masks)
        if mask is None:
            yield _row(name, value, masks)
        elif mask.action != "remove":
            instead = STARS if mask.action == "mask" else mask.replacement
            yield Row(printable(name, 255), "", printable(instead), masked=True, value=instead)


def _row(name: str, value: Any, masks: Masks) -> Row:
    kind = _kind(value)
    name = printable(name, 255)
    try:
        tree, hidden = tree_of(value), False
        if masks.headers or masks.body:
            tree, hidden = hide_in_header(tree, masks)
        text = tree if isinstance(tree, str) else written(tree, indent=False)
    except Undecodable as failed:
        return Row(name, kind, f"Not shown: it is {failed.reason}.")
    except CannotMask as failed:
        return Row(name, kind, f"Not shown, because a masking rule applies and {failed}.", True)
    return Row(name, kind, printable(text, _LONGEST), hidden, plain(tree))


def _kind(value: Any) -> str:
    """Return the name of the kind of value. How many bits a number has isn't known here."""
    match value:
        case None:
            return "void"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "double"
        case Decimal():
            return "decimal"
        case bytes() | bytearray():
            return "bytes"
        case datetime():
            return "timestamp"
        case Mapping():
            return "table"
        case list():
            return "array"
        case _:
            return "string"


def _death(entry: dict[str, Any]) -> Death:
    keys, count = entry.get("routing-keys"), entry.get("count")
    return Death(
        queue=_text(entry.get("queue")),
        reason=_text(entry.get("reason")),
        exchange=_text(entry.get("exchange")),
        routing_keys=tuple(_text(key) for key in (keys if isinstance(keys, list) else [])[:20]),
        count=count if isinstance(count, int) and not isinstance(count, bool) else None,
        at=_time(entry.get("time")),
    )


def _text(value: Any) -> str:
    return printable(value, 255) if isinstance(value, str) else ""


def _time(value: Any) -> datetime | None:
    """Return the time. pika's have no zone: AMQP's are UTC."""
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found is not None and found.tzinfo is None else found
