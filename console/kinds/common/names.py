"""Which names an object may have, by kind.

RabbitMQ accepts many names that then mean something else or can't be addressed: it drops line ends
from queue names, dot segments reach other resources over HTTP, a colon in a user name breaks Basic
authentication. These are refused before anything is sent.
"""

from __future__ import annotations

import unicodedata

from console.kinds.common.kind import SpecError

#: AMQP 0-9-1 carries names as short strings.
MOST_BYTES = 255
_RESERVED = ("exchange", "queue")
_EMPTY_ALLOWED = ("routing_key", "arguments", "source")


class Unaddressable(SpecError):
    """A name that RabbitMQ accepts and that no address of the management API reaches. A definitions
    file can still contain it."""


def check_name(kind: str, name: str, field: str = "name") -> str:
    """Return the name unchanged. Raises SpecError for `field` with one sentence. `kind` is a kind's
    name. Leading and trailing spaces are legal and kept; `name_warnings` warns of them."""
    if name == "" and field not in _EMPTY_ALLOWED:
        raise SpecError(field, "Enter a name.")
    if name in (".", ".."):
        raise Unaddressable(
            field, f"A name that consists only of dots ({name}) can't be addressed over HTTP."
        )
    if any(unicodedata.category(character) == "Cc" for character in name):
        raise Unaddressable(
            field, "A name can't contain control characters such as line breaks or tabs."
        )
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        raise SpecError(field, "The name isn't valid Unicode.") from None
    if "\N{REPLACEMENT CHARACTER}" in name:
        # Browsers, Django and RabbitMQ 3.10 replace bytes that aren't UTF-8 with it: the name of
        # another object.
        raise SpecError(
            field, "The name isn't valid UTF-8: it contains U+FFFD in place of unreadable bytes."
        )
    if length > MOST_BYTES:
        raise SpecError(field, f"The name has {length} bytes in UTF-8; the limit is {MOST_BYTES}.")
    if kind == "user" and ":" in name:
        raise SpecError(field, "A username with a colon can't sign in over HTTP.")
    if kind in _RESERVED and name.startswith("amq."):
        raise SpecError(field, "RabbitMQ reserves names that begin with amq.")
    return name


def name_warnings(name: str) -> list[str]:
    """Return warnings about a legal but unusual name: spaces, look-alikes, invisible characters."""
    found: list[str] = []
    if name != name.strip():
        found.append("The name begins or ends with a space.")
    if unicodedata.normalize("NFC", name) != name:
        found.append(
            "The name isn't in the usual Unicode form (NFC). Another name may look the same."
        )
    if any(unicodedata.category(character) == "Cf" for character in name):
        found.append("The name contains invisible or direction-changing characters.")
    return found
