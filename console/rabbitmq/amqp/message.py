"""One message as a broker delivered it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pika


@dataclass(frozen=True, slots=True)
class Message:
    """A message that was got, consumed or tapped. Every string and byte of it is hostile."""

    #: Where it was published to, or dead-lettered to, last. "" is the default exchange.
    exchange: str
    routing_key: str
    redelivered: bool
    properties: pika.BasicProperties
    body: bytes

    @property
    def headers(self) -> dict[str, Any]:
        """Its header table as pika decodes it. Empty if it has none."""
        return self.properties.headers or {}

    @property
    def size(self) -> int:
        """Bytes of the body."""
        return len(self.body)
