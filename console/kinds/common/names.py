"""Which names an object may have, by kind.

RabbitMQ accepts many names that then mean something else or can't be addressed: it drops line ends from
queue names, dot segments reach other resources over HTTP, a colon in a user name breaks Basic
authentication. These are refused before anything is sent.
"""

from __future__ import annotations

import unicodedata

from console.kinds.common.kind import SpecError

#: AMQP 0-9-1 carries names as short strings.
MOST_BYTES = 255
_RESERVED = ("exchange", "queue")
_EMPTY_ALLOWED = ("routing_key", "arguments", "source")


def check_name(kind: str, name: str, field: str = "name") -> str:
    """Return the name unchanged. Raises SpecError for `field` with one sentence. `kind` is a kind's name.
    Leading and trailing spaces are legal and kept; `name_warnings` warns of them."""
    if name == "" and field not in _EMPTY_ALLOWED:
        raise SpecError(field, "Enter a name.")
    if name in (".", ".."):
        raise SpecError(field, f"A name of only dots ({name}) cannot be addressed over HTTP.")
    if any(unicodedata.category(character) == "Cc" for character in name):
        raise SpecError(field, "A name must not hold control characters such as line ends or tabs.")
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        raise SpecError(field, "This name is not valid Unicode.") from None
    if "\N{REPLACEMENT CHARACTER}" in name:
        # Browsers, Django and RabbitMQ 3.10 put it where bytes are not UTF-8: another object's name.
        raise SpecError(field, "This name was not UTF-8: it holds U+FFFD in place of other bytes.")
    if length > MOST_BYTES:
        raise SpecError(
            field, f"This name is {length} bytes long in UTF-8; {MOST_BYTES} is the most."
        )
    if kind == "user" and ":" in name:
        raise SpecError(field, "A user name with a colon cannot log in over HTTP.")
    if kind in _RESERVED and name.startswith("amq."):
        raise SpecError(field, "Names that begin with amq. are reserved by RabbitMQ.")
    return name


def name_warnings(name: str) -> list[str]:
    """Return sentences about what is unusual in a legal name: spaces, look-alikes, invisible characters."""
    found: list[str] = []
    if name != name.strip():
        found.append("The name begins or ends with a space.")
    if unicodedata.normalize("NFC", name) != name:
        found.append("The name is not in the usual Unicode form: another may look the same.")
    if any(unicodedata.category(character) == "Cf" for character in name):
        found.append("The name holds invisible or direction-changing characters.")
    return found
