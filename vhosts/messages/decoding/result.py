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
#: Levels of a nested value at most.
NESTED_AT_MOST = 100


class Undecodable(ValueError):
    """A decoder can't read the body. `reason` is a phrase without a full stop."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Decoded:
    """A body as text.

    `decoder` names how it was read, such as "JSON, gzip decoded". `tree` is the value that `text`
    shows (vhosts.messages.decoding.trees), None if the body is no structured value. `tried` has
    each decoder that failed, with the reason.
    """

    decoder: str
    text: str
    tried: tuple[tuple[str, str], ...] = ()
    tree: Any = None


_UNPRINTABLE = re.compile(r"[^\n\t\x20-\x7e]")


def lines_printable(text: str) -> str:
    """Return the text with unprintable characters escaped; line ends and tabs stay."""
    text = text.replace("\r\n", "\n")
    return _UNPRINTABLE.sub(lambda found: printable(found[0], 10), text)
