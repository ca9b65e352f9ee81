"""Read the reason from an error body of RabbitMQ or of a proxy in front of it, as one line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from html import unescape
from typing import Any

import msgspec

#: A longer reason is cut: it is text for a person, not data.
_MOST_ITEMS = 20
_DEEPEST = 6
#: RabbitMQ escapes these three characters, and no others, in some reasons; which depends on version
#: and endpoint.
_ESCAPED = re.compile(r"&(lt|gt|amp);")
_UNESCAPED = {"lt": "<", "gt": ">", "amp": "&"}
_TITLE = re.compile(rb"<title[^>]*>([^<]{1,400})", re.IGNORECASE)
_HEADING = re.compile(rb"<h1[^>]*>([^<]{1,400})", re.IGNORECASE)
#: An Erlang atom such as `no_such_exchange`: what follows it in a list explains it.
_ATOM = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Said:
    """The content of an error body. `code` is RabbitMQ's `error` and `reason` its `reason`; "" if
    missing. `other` is text that isn't from RabbitMQ's API: plain text, or the title of a page.
    """

    code: str = ""
    reason: str = ""
    other: str = ""

    @property
    def text(self) -> str:
        return self.reason or self.code or self.other


def read_said(body: bytes) -> Said:
    """Read an error body. It can be anything: JSON of any shape, text, a page, truncated, empty."""
    try:
        value = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Said(other=_other(body))
    if isinstance(value, dict):
        return Said(_line(_words(value.get("error"))), _line(_words(value.get("reason"))))
    return Said(reason=_line(_words(value)))


def _words(value: Any, depth: int = 0) -> str:
    """Return a JSON value as text. Erlang tuples arrive as lists, and Erlang strings as lists of
    code points."""
    if depth > _DEEPEST:
        return "…"
    if isinstance(value, str):
        return _ESCAPED.sub(lambda found: _UNESCAPED[found[1]], value)
    if isinstance(value, dict):
        items = list(value.items())[:_MOST_ITEMS]
        return ", ".join(f"{name}: {_words(inner, depth + 1)}" for name, inner in items)
    if not isinstance(value, list):
        return (
            "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
        )
    if (text := _characters(value)) is not None:
        return _words(text)
    words = [_words(inner, depth + 1) for inner in value[:_MOST_ITEMS]]
    words = [word for word in words if word]
    if len(words) > 1 and _ATOM.fullmatch(words[0]):
        words[:2] = [f"{words[0]}: {words[1]}"]
    listed = ", ".join(words)
    return f"({listed})" if depth and len(words) > 1 else listed


def _characters(value: list[Any]) -> str | None:
    """Return the text of a list of code points; None for any other list."""
    if not value or not all(type(code) is int and 9 <= code < 0x110000 for code in value):
        return None
    text = "".join(map(chr, value))
    return text if all(one.isprintable() or one in "\t\r\n" for one in text) else None


def _line(text: str) -> str:
    """Join lines into one: RabbitMQ sends a headline, an empty line and one line per fault."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) < 2:
        return "".join(lines)
    return f"{lines[0].rstrip(':')}: {'; '.join(lines[1:])}"


def _other(body: bytes) -> str:
    stripped = body.strip()
    if not stripped.startswith(b"<"):
        return _line(stripped.decode("utf-8", "replace"))
    found = _TITLE.search(stripped) or _HEADING.search(stripped)
    return _line(unescape(found[1].decode("utf-8", "replace"))) if found else ""
