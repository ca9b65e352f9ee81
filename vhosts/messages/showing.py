"""The one way to show a message: what a reader may see of it, decoded and masked.

Pages, API, exports, downloads and commands show a message only through `shown` and `raw`. Nothing
else touches its body or headers.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.http import Http404

from accessctl.authorize import AnyUser, may
from accessctl.rights import Permission
from console.models import Broker
from console.rabbitmq.amqp.message import Message
from console.rabbitmq.text import printable
from vhosts.messages.decoding.binary import dump
from vhosts.messages.decoding.decode import decode
from vhosts.messages.decoding.result import SHOWN_AT_MOST

_NEEDS_READ = "You can't read payloads here (requires messages:read)."
_NEEDS_EXPORT = "You can't export messages here (requires messages:export)."
_PROPERTIES = (
    "content_type", "content_encoding", "delivery_mode", "priority", "correlation_id", "reply_to",
    "expiration", "message_id", "timestamp", "type", "user_id", "app_id", "cluster_id",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reader:
    """What somebody may see of messages in one virtual host of a broker."""

    broker_id: int
    vhost: str
    reads: bool
    exports: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A header or property. `type` is AMQP's name of the value's type; `value` is the value for
    JSON."""

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


@dataclass(frozen=True, slots=True)
class Payload:
    """A body that the reader may see. `raw` is a hex dump of its first bytes, "" if a mask hides
    parts of the body."""

    decoder: str
    text: str
    tried: tuple[tuple[str, str], ...] = ()
    truncated: bool = False
    raw: str = ""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something isn't shown, as one sentence."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Shown:
    """A message as its reader may see it. `payload` is None with `reason` if they may not see the
    body."""

    exchange: str
    routing_key: str
    redelivered: bool
    properties: tuple[Row, ...]
    headers: tuple[Row, ...]
    deaths: tuple[Death, ...]
    size: int
    payload: Payload | None = None
    reason: str = ""
    _exported: dict[str, Any] | Reason = field(default=Reason(_NEEDS_EXPORT), repr=False)

    def exported(self) -> dict[str, Any] | Reason:
        """Return the message for a file, as values for JSON, with all of the body that the reader
        may see; or why they may not export it."""
        return self._exported


def reader_of(actor: AnyUser, broker_id: int, vhost: str) -> Reader:
    """Return what the person may see of messages in a virtual host. Resolve it once for all
    messages of a page. Raises Http404 if they may see nothing of them."""
    broker = Broker.objects.visible_to(actor).filter(pk=broker_id).first()
    reads = broker is not None and may(actor, Permission.MESSAGES_READ, broker, vhost)
    if broker is None or not (reads or may(actor, Permission.MESSAGES_VIEW, broker, vhost)):
        raise Http404("Virtual host not found.")
    exports = may(actor, Permission.MESSAGES_EXPORT, broker, vhost)
    return Reader(broker_id=broker.pk, vhost=vhost, reads=reads, exports=exports)


def shown(message: Message, reader: Reader, *, schema: object = None) -> Shown:
    """Return what the reader may see of the message. Never raises for a hostile message."""
    headers = tuple(_row(name, value) for name, value in message.headers.items())
    payload, reason = _payload(message, reader, schema)
    properties = tuple(_properties(message))
    return Shown(
        exchange=printable(message.exchange, 255),
        routing_key=printable(message.routing_key, 255),
        redelivered=message.redelivered,
        properties=properties,
        headers=headers,
        deaths=_deaths(message.headers.get("x-death")),
        size=message.size,
        payload=payload,
        reason=reason,
        _exported=_exported(message, reader, properties, headers),
    )


def raw(message: Message, reader: Reader) -> bytes | Reason:
    """Return the body's bytes for a download, or why the reader may not have them."""
    if not reader.reads:
        return Reason(_NEEDS_READ)
    if not reader.exports:
        return Reason(_NEEDS_EXPORT)
    return message.body


def _payload(message: Message, reader: Reader, schema: object) -> tuple[Payload | None, str]:
    if not reader.reads:
        return None, _NEEDS_READ
    decoded = decode(
        message.body,
        str(message.properties.content_type or ""),
        str(message.properties.content_encoding or ""),
        schema,
    )
    text = decoded.text[:SHOWN_AT_MOST]
    cut = len(decoded.text) > SHOWN_AT_MOST
    return Payload(decoded.decoder, text, decoded.tried, cut, dump(message.body)), ""


def _exported(
    message: Message, reader: Reader, properties: tuple[Row, ...], headers: tuple[Row, ...]
) -> dict[str, Any] | Reason:
    if not reader.exports:
        return Reason(_NEEDS_EXPORT)
    found: dict[str, Any] = {
        "exchange": message.exchange,
        "routing_key": message.routing_key,
        "redelivered": message.redelivered,
        "properties": {row.name: row.value for row in properties},
        "headers": {row.name: row.value for row in headers},
        "size": message.size,
    }
    if not reader.reads:
        return found | {"reason": _NEEDS_READ}
    return found | {"body_base64": base64.b64encode(message.body).decode()}


def _properties(message: Message) -> Iterator[Row]:
    for name in _PROPERTIES:
        value = getattr(message.properties, name, None)
        if value is not None:
            yield _row(name, value)


def _row(name: str, value: Any) -> Row:
    kind, text, plain = _told(value)
    return Row(printable(name, 255), kind, printable(text, 4096), value=plain)


def _told(value: Any) -> tuple[str, str, Any]:
    """Return the AMQP type, the text and the value for JSON."""
    match value:
        case None:
            return "void", "", None
        case bool():
            return "bool", "true" if value else "false", value
        case int():
            return "long", str(value), value
        case float() | Decimal():
            return "double", str(value), float(value)
        case str():
            return "string", value, value
        case bytes():
            return "bytes", value.hex(" "), value.hex()
        case datetime():
            return "timestamp", value.isoformat(), value.isoformat()
        case dict():
            return "table", repr(value), repr(value)
        case list():
            return "array", repr(value), repr(value)
        case _:
            return type(value).__name__, repr(value), repr(value)


def _deaths(found: Any) -> tuple[Death, ...]:
    """Return the entries of x-death that can be read."""
    entries = found if isinstance(found, list) else []
    return tuple(_death(entry) for entry in entries[:100] if isinstance(entry, dict))


def _death(entry: dict[str, Any]) -> Death:
    keys = entry.get("routing-keys")
    count, at = entry.get("count"), entry.get("time")
    return Death(
        queue=printable(str(entry.get("queue", "")), 255),
        reason=printable(str(entry.get("reason", "")), 64),
        exchange=printable(str(entry.get("exchange", "")), 255),
        routing_keys=tuple(
            printable(str(key), 255) for key in (keys if isinstance(keys, list) else [])[:20]
        ),
        count=count if isinstance(count, int) else None,
        at=at if isinstance(at, datetime) else None,
    )
