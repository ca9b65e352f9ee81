"""One message to publish: read from JSON (API, file, template), field by field."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from console.errors import InvalidField
from console.faces.rest.parsers import shown_key
from console.rabbitmq.amqp.properties.exact import ExactProperties, properties_of
from console.rabbitmq.amqp.properties.fields import Typed
from vhosts.messages.publishing.headers.values import (
    as_json,
    read_headers,
    read_seconds,
    read_value,
)
from vhosts.routing.core.route import is_expiration
from vhosts.routing.message import PROPERTIES, check_name

#: Bytes of a body: RabbitMQ 4's own default limit.
MOST_BODY = 16 * 1024 * 1024
#: Name of the header by which an x-delayed-message exchange delays.
DELAY_HEADER = "x-delay"
DELAYED_TYPE = "x-delayed-message"
_MOST_DELAY = 2**32 - 2
_KNOWN = frozenset(
    {"exchange", "routing_key", "properties", "headers", "payload", "payload_base64", "delay"}
)
_RANGES = {"delivery_mode": range(1, 3), "priority": range(256)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A message that was checked and can be sent. "" is the default exchange."""

    exchange: str
    routing_key: str
    properties: Mapping[str, str | int] = field(default_factory=dict)
    headers: Mapping[str, Typed] = field(default_factory=dict)
    body: bytes = b""
    #: Whether a delay was asked for, not only a header of that name.
    delays: bool = False

    @property
    def delay(self) -> int | None:
        """Milliseconds in its header x-delay; None without one."""
        found = self.headers.get(DELAY_HEADER)
        value = found.value if found is not None else None
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def wire(self) -> ExactProperties:
        """Return its properties as the adapter sends them."""
        return properties_of(self.properties, list(self.headers.items()) or None)

    def data(self) -> dict[str, Any]:
        """Return all but the body, as `read_message` reads it."""
        return {
            "exchange": self.exchange,
            "routing_key": self.routing_key,
            "properties": dict(self.properties),
            "headers": as_json(self.headers),
        }


def read_message(data: Any, *, exchange: str = "") -> Draft:
    """Return the message that a JSON object describes; `exchange` is used where it names none.
    Raises InvalidField, whose field is a path such as `properties.priority`."""
    if not isinstance(data, dict):
        raise InvalidField("message", "A message is a JSON object.")
    for name in data:
        if name not in _KNOWN:
            known = ", ".join(sorted(_KNOWN))
            raise InvalidField(shown_key(str(name)), f"Unknown field. Use {known}.")
    headers = read_headers(data.get("headers") or {})
    if data.get("delay") is not None:
        headers = with_delay(headers, data["delay"])
    return Draft(
        exchange=_name(data, "exchange", exchange),
        routing_key=_name(data, "routing_key", ""),
        properties=read_properties(data.get("properties") or {}),
        headers=headers,
        body=_payload(data),
        delays=data.get("delay") is not None,
    )


def read_properties(data: Any, at: str = "properties") -> dict[str, str | int]:
    """Return checked properties. Raises InvalidField."""
    if not isinstance(data, dict):
        raise InvalidField(at, "Properties are a JSON object of names and values.")
    found: dict[str, str | int] = {}
    for name, value in data.items():
        where = f"{at}.{shown_key(str(name))}"
        if name not in PROPERTIES:
            raise InvalidField(where, f"Unknown property. Use {', '.join(PROPERTIES)}.")
        if value is not None:
            found[name] = read_property(name, value, where)
    return found


def read_property(name: str, value: Any, where: str) -> str | int:
    """Return the value of one of PROPERTIES. Raises InvalidField at `where`."""
    if name == "timestamp":
        return read_seconds(value, where)
    if name in _RANGES:
        fits = _RANGES[name]
        if not isinstance(value, int) or isinstance(value, bool) or value not in fits:
            raise InvalidField(
                where, f"This must be a whole number from {fits.start} to {fits.stop - 1}."
            )
        return value
    if not isinstance(value, str):
        raise InvalidField(where, "This must be text.")
    check_name(where, value)
    if name == "expiration" and not is_expiration(value):
        raise InvalidField(
            where, "The expiration is a whole number of milliseconds as text, such as 60000."
        )
    return value


def with_delay(headers: Mapping[str, Typed], delay: Any, at: str = "delay") -> dict[str, Typed]:
    """Return the headers with the delay in milliseconds. Raises InvalidField."""
    if not isinstance(delay, int) or isinstance(delay, bool) or not 0 <= delay <= _MOST_DELAY:
        raise InvalidField(
            at, f"The delay is a whole number of milliseconds up to {_MOST_DELAY:,}."
        )
    if DELAY_HEADER in headers:
        raise InvalidField(at, f"Give either the delay or the header {DELAY_HEADER}.")
    return {**headers, DELAY_HEADER: read_value(delay, at)}


def check_body(body: bytes, at: str = "payload") -> bytes:
    """Return the body. Raises InvalidField if it is larger than MOST_BODY."""
    if len(body) > MOST_BODY:
        raise InvalidField(at, f"{len(body):,} bytes; the limit is {MOST_BODY:,}.")
    return body


def from_base64(text: str, at: str) -> bytes:
    """Return the bytes; white space is ignored. Raises InvalidField."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidField(at, "This isn't valid base64.") from None


def to_utf8(text: str, at: str) -> bytes:
    """Return text as UTF-8. Raises InvalidField."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise InvalidField(at, "This isn't valid Unicode.") from None


def _name(data: Mapping[str, Any], name: str, default: str) -> str:
    value = data.get(name)
    if value is None:
        return default
    if not isinstance(value, str):
        raise InvalidField(name, "This must be text.")
    check_name(name, value)
    return "" if name == "exchange" and value == "amq.default" else value


def _payload(data: Mapping[str, Any]) -> bytes:
    text, encoded = data.get("payload"), data.get("payload_base64")
    if text is not None and encoded is not None:
        raise InvalidField("payload_base64", "Send either payload or payload_base64.")
    if encoded is not None:
        if not isinstance(encoded, str):
            raise InvalidField("payload_base64", "This must be text in base64.")
        return check_body(from_base64(encoded, "payload_base64"), "payload_base64")
    if text is not None and not isinstance(text, str):
        raise InvalidField("payload", "The payload is text; write JSON as text, or use base64.")
    return check_body(to_utf8(text or "", "payload"))
