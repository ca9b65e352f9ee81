"""Recognize a message again when it is delivered once more."""

from __future__ import annotations

import hashlib

from console.rabbitmq.amqp.message import Message
from console.rabbitmq.amqp.properties.exact import FIELDS, exact

#: Headers that a broker adds or changes with each delivery.
COUNTERS = frozenset({"x-delivery-count", "x-acquired-count", "x-stream-offset"})
SIZE = 16

_key = b""


def use_key(key: bytes) -> None:
    """Make fingerprints depend on a key of up to 64 bytes, in this process. Without it, somebody
    who sees a fingerprint could find out by trying what a mask hides."""
    global _key
    _key = key


def fingerprint(message: Message) -> str:
    """Return 32 hex digits over exchange, key, properties, headers and body. Equal messages have
    equal fingerprints, and a message keeps its own when it is delivered again.

    Headers count by value and not by type or order: a broker that adds a counter may encode the
    others anew.
    """
    properties = exact(message.properties)
    digest = hashlib.blake2b(digest_size=SIZE, key=_key)
    parts = properties.parts
    for part in (message.exchange.encode(errors="replace"), message.routing_key.encode(errors="replace")):  # fmt: skip
        digest.update(len(part).to_bytes(4, "big") + part)
    for number, name in enumerate(FIELDS):
        if name in parts and name != "headers":
            digest.update(bytes([number]) + parts[name])
    headers = sorted(
        (name, repr(value.plain)) for name, value in properties.fields if name not in COUNTERS
    )
    digest.update(repr(headers).encode(errors="replace") + b"\0")
    digest.update(message.body)
    return digest.hexdigest()
