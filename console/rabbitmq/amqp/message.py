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
    #: Bytes of the whole body if `body` is only its beginning; None: `body` is all of it.
    whole_size: int | None = None

    @property
    def headers(self) -> dict[str, Any]:
        """Its header table as pika decodes it. Empty if it has none."""
        return self.properties.headers or {}

    @property
    def size(self) -> int:
        """Bytes of the whole body."""
        return len(self.body) if self.whole_size is None else self.whole_size

    @property
    def is_cut(self) -> bool:
        """Whether `body` is only the beginning of it."""
        return self.size > len(self.body)
