"""What a message of AMQP 0-9-1 can have. Everything else is refused at its field."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from console.errors import InvalidField

#: Maximum size of an AMQP 0-9-1 short string, which every name and routing key is.
_MOST_BYTES = 255
_MOST_HEADERS = 100
_MOST_DEPTH = 16
_MOST_TEXT = 64 * 1024
_INTEGERS = range(-(2**63), 2**63)
#: The basic properties of AMQP 0-9-1 beside headers.
PROPERTIES = (
    "app_id", "cluster_id", "content_encoding", "content_type", "correlation_id", "delivery_mode",
    "expiration", "message_id", "priority", "reply_to", "timestamp", "type", "user_id",
)  # fmt: skip
_NUMBERS = ("delivery_mode", "priority", "timestamp")


def check_message(
    exchange: str, routing_key: str, headers: Mapping[str, Any], properties: Mapping[str, Any]
) -> None:
    """Raise InvalidField for what no AMQP 0-9-1 message can have."""
    check_name("exchange", exchange)
    check_name("routing_key", routing_key)
    if len(headers) > _MOST_HEADERS:
        raise InvalidField("headers", f"{len(headers)} headers; the limit here is {_MOST_HEADERS}.")
    for name, value in headers.items():
        check_name("headers", name)
        _check_value(value, 1)
    copies = [
        key
        for name in ("CC", "BCC")
        if isinstance(headers.get(name), list)
        for key in headers[name]
        if isinstance(key, str)
    ]
    if len(copies) > _MOST_HEADERS:
        raise InvalidField(
            "headers", f"{len(copies):,} keys in CC and BCC; the limit here is {_MOST_HEADERS}."
        )
    for key in copies:
        check_name("headers", key)
    for name, value in properties.items():
        if name not in PROPERTIES:
            raise InvalidField("properties", f"Unknown property. Use {', '.join(PROPERTIES)}.")
        if name in _NUMBERS:
            if not isinstance(value, int) or isinstance(value, bool) or value not in _INTEGERS:
                raise InvalidField("properties", f"{name} must be a whole number.")
        elif not isinstance(value, str):
            raise InvalidField("properties", f"{name} must be text.")
        else:
            check_name("properties", value)


def check_name(field: str, name: str) -> None:
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        raise InvalidField(field, "This isn't valid Unicode.") from None
    if size > _MOST_BYTES:
        raise InvalidField(field, f"{size:,} bytes; AMQP carries at most {_MOST_BYTES}.")
    if "\0" in name:
        raise InvalidField(field, "NUL characters aren't supported.")


def _check_value(value: Any, depth: int) -> None:
    if depth > _MOST_DEPTH:
        raise InvalidField(
            "headers", f"Headers are nested too deep; the limit is {_MOST_DEPTH} levels."
        )
    if isinstance(value, str):
        if "\0" in value or len(value) > _MOST_TEXT or (not value.isascii() and _is_broken(value)):
            raise InvalidField(
                "headers", "A text must be valid Unicode without NUL, up to 64 KiB long."
            )
    elif isinstance(value, bool) or value is None:
        return
    elif isinstance(value, int):
        if value not in _INTEGERS:
            raise InvalidField("headers", "Whole numbers in headers have at most 64 bits.")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidField("headers", "Numbers in headers must be finite.")
    elif isinstance(value, list):
        for one in value:
            _check_value(one, depth + 1)
    elif isinstance(value, dict):
        for name, one in value.items():
            if not isinstance(name, str):
                raise InvalidField("headers", "Names in headers must be text. Quote numbers.")
            check_name("headers", name)
            _check_value(one, depth + 1)
    else:
        raise InvalidField("headers", "Values in headers have JSON's types; quote dates.")


def _is_broken(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False
