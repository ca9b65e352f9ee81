"""What decoders return, and their limits."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from console.rabbitmq.text import printable

#: Bytes that are decoded at most, as delivered and unpacked. Decoded values take up to a hundred
#: times as much memory.
DECODED_AT_MOST = 1024 * 1024
#: Characters of a body that are shown at most.
SHOWN_AT_MOST = 64 * 1024
#: Values in a tree at most.
MOST_VALUES = 100_000
#: Levels of a nested value at most.
NESTED_AT_MOST = 100


TOO_MANY = f"contains more than {MOST_VALUES} values"


class Undecodable(ValueError):
    """A decoder can't read the body. `reason` is a phrase without a full stop."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Decoded:
    """A body as text.

    `kind` is the format, such as "JSON"; `layers` are the encodings around it, the outermost first.
    `tree` is the value that `text` shows (vhosts.messages.decoding.trees); it means nothing unless
    `is_tree`. `cut` says that the body was too large to be read whole. `tried` has each decoder
    that failed, with the reason.
    """

    kind: str
    text: str
    tried: tuple[tuple[str, str], ...] = ()
    layers: tuple[str, ...] = ()
    is_tree: bool = False
    tree: Any = None
    cut: bool = False

    @property
    def decoder(self) -> str:
        """Return how it was read, such as "JSON, gzip decoded"."""
        return f"{self.kind}, {', '.join(self.layers)} decoded" if self.layers else self.kind


_UNPRINTABLE = re.compile(r"[^\n\t\x20-\x7e]")


def lines_printable(text: str) -> str:
    """Return the text with unprintable characters escaped; line ends and tabs stay."""
    text = text.replace("\r\n", "\n")
    return _UNPRINTABLE.sub(lambda found: printable(found[0], 10), text)
