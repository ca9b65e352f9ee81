"""Paths of the management API, built from segments in this one place.

A name such as `..` in a path reaches another resource: `DELETE /api/parameters/%2e%2e/users/x`
deletes a user, on every version tried. So what cannot be one segment is refused before anything is
sent, and everything else is percent-encoded with nothing left as it is but letters, digits and `-._~`.
"""

from __future__ import annotations

import unicodedata
from urllib.parse import quote, urlencode

from console.rabbitmq.errors import UnaddressableName
from console.rabbitmq.text import printable

#: Queue, exchange and vhost names travel as AMQP short strings.
AMQP_NAME_BYTES = 255
_SEGMENT_BYTES = 4096

Query = dict[str, str | int]


def path(*segments: str, query: Query | None = None, max_bytes: int = _SEGMENT_BYTES) -> str:
    """`/api/` and the segments, each percent-encoded; `max_bytes` of UTF-8 bounds each of them.

    Raises UnaddressableName, for which nothing has been sent.
    """
    encoded = [_encoded(segment, max_bytes) for segment in segments]
    built = "/api/" + "/".join(encoded)
    # Should escaping ever let a slash through, another object would be meant.
    if built.count("/") != len(segments) + 1:
        raise UnaddressableName("The name can't be sent as one part of a path.")
    # Commas as they are: a proxy that encodes twice would make one column of all.
    return f"{built}?{urlencode(query, quote_via=quote, safe=',')}" if query else built


def queue_path(vhost: str, name: str, *more: str, query: Query | None = None) -> str:
    """The path of one queue, both names at most 255 bytes. Raises UnaddressableName."""
    return path("queues", vhost, name, *more, query=query, max_bytes=AMQP_NAME_BYTES)


def check_name(name: str, max_bytes: int = AMQP_NAME_BYTES) -> None:
    """Raises UnaddressableName, with a reason, for a name that no path may hold."""
    if name == "":
        raise UnaddressableName("An empty name can't be addressed over HTTP.")
    if name in (".", ".."):
        raise UnaddressableName(f"The name {name} can't be addressed over HTTP.")
    # The broker drops line ends silently: a\nb makes, and would then mean, ab.
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
