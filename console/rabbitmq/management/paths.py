"""Build paths of the management API from segments. This is the only place that does.

A name such as `..` in a path reaches another resource: `DELETE /api/parameters/%2e%2e/users/x`
deletes a user, on every version tested. So a name that can't be one segment is refused before
anything is sent, and everything except letters, digits and `-._~` is percent-encoded.
"""

from __future__ import annotations

import unicodedata
from urllib.parse import quote, urlencode

from console.rabbitmq.errors import UnaddressableName
from console.rabbitmq.text import printable

#: Queue, exchange and vhost names travel as AMQP short strings, which have this limit.
AMQP_NAME_BYTES = 255
_SEGMENT_BYTES = 4096

Query = dict[str, str | int]


def path(*segments: str, query: Query | None = None, max_bytes: int = _SEGMENT_BYTES) -> str:
    """Return `/api/` and the percent-encoded segments, each of at most `max_bytes` of UTF-8.

    Raises UnaddressableName, before anything is sent.
    """
    encoded = [_encoded(segment, max_bytes) for segment in segments]
    built = "/api/" + "/".join(encoded)
    # If escaping ever let a slash through, the path would mean another object.
    if built.count("/") != len(segments) + 1:
        raise UnaddressableName("The name can't be sent as one part of a path.")
    # Commas stay unescaped: a proxy that encodes twice would merge all columns into one.
    return f"{built}?{urlencode(query, quote_via=quote, safe=',')}" if query else built


def queue_path(vhost: str, name: str, *more: str, query: Query | None = None) -> str:
    """Return the path of one queue, both names at most 255 bytes. Raises UnaddressableName."""
    return path("queues", vhost, name, *more, query=query, max_bytes=AMQP_NAME_BYTES)


def check_name(name: str, max_bytes: int = AMQP_NAME_BYTES) -> None:
    """Raise UnaddressableName, with a reason, for a name that a path can't contain."""
    if name == "":
        raise UnaddressableName("An empty name can't be addressed over HTTP.")
    if name in (".", ".."):
        raise UnaddressableName(f"The name {name} can't be addressed over HTTP.")
    # The broker drops line ends silently: the name "a", line end, "b" would become "ab", another
    # object.
    if any(unicodedata.category(character) == "Cc" for character in name):
        raise UnaddressableName(f"The name {printable(name, 80)} contains a control character.")
    try:
        length = len(name.encode())
    except UnicodeEncodeError:
        raise UnaddressableName(f"The name {printable(name, 80)} isn't valid Unicode.") from None
    if length > max_bytes:
        raise UnaddressableName(f"The name has {length} bytes; the limit is {max_bytes}.")


def _encoded(segment: str, max_bytes: int) -> str:
    check_name(segment, max_bytes)
    return quote(segment, safe="")
