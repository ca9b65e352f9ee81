"""What RabbitMQ refuses of the URIs of shovels and federation upstreams.

A broker's refusal repeats the whole URI with its password, so a wrong one is found before it is
sent, and no sentence here repeats any of it. Source: `amqp_uri.erl`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from console.kinds.common.secrets import without_userinfo

SCHEMES = ("amqp", "amqps")


def uris_of(value: Any) -> list[Any]:
    """Return the URIs of a setting, which has one or a list of them."""
    if isinstance(value, list):
        return value
    return [] if value in (None, "") else [value]


def uri_problems(value: Any) -> Iterator[str]:
    """Yield a sentence for the first URI that isn't one, or for a setting without any."""
    uris = uris_of(value)
    if not uris:
        yield "Enter at least one URI, such as amqp://user:password@host/vhost."
        return
    for number, uri in enumerate(uris, 1):
        if why := _why_no_uri(uri):
            which = "The URI" if len(uris) == 1 else f"URI {number}"
            yield f"{which} {why}"
            return


def _why_no_uri(uri: Any) -> str:
    if not isinstance(uri, str):
        return "must be text."
    if any(character <= " " or character == "\x7f" for character in uri):
        return "contains a space or a control character. Write a space as %20."
    scheme, sign, _ = uri.partition("://")
    if not sign or scheme not in SCHEMES:
        return "must begin with amqp:// or amqps://."
    try:
        parts = urlsplit(uri)
        parts.port  # noqa: B018 – raises ValueError
        shown = urlsplit(without_userinfo(uri))
    except ValueError:
        return "has no valid host and port."
    if "@" in shown.netloc + shown.path or parts.netloc.count("@") > 1:
        return (
            "has a character in its username or password that must be escaped: write @ as %40, "
            "/ as %2F, : as %3A, ? as %3F and # as %23."
        )
    return ""
