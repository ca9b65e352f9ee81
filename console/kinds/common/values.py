"""Canonical forms of the types of values in specs. Each function returns the form that equal values
share. They raise TypeError or ValueError with the end of a sentence, such as "must be text"."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def text(value: Any) -> str:
    """Text, unchanged."""
    if not isinstance(value, str):
        raise TypeError("must be text")
    return value


def text_or_empty(value: Any) -> str:
    """Text; None is ""."""
    return text("" if value is None else value)


def optional_text(value: Any) -> str | None:
    """Text; None for None, "" and "undefined", which is how Erlang writes an unset value."""
    return None if value in (None, "", "undefined") else text(value)


def flag(value: Any) -> bool:
    """True or false; numbers and text aren't accepted."""
    if not isinstance(value, bool):
        raise TypeError("must be true or false")
    return value


def integer(value: Any) -> int:
    """A whole number; bool, float and text aren't accepted."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError("must be a whole number")
    return value


def tags(value: Any) -> list[str]:
    """A sorted list of words. RabbitMQ accepts a list or text with commas, and keeps no order."""
    words = value.split(",") if isinstance(value, str) else value
    if not isinstance(words, list | tuple):
        raise TypeError("must be a list of text values")
    return sorted({text(word).strip() for word in words} - {""})


def limits(value: Any) -> dict[str, int]:
    """Limits by name. A negative limit means none (`rabbit_vhost_limit.erl`), so it is left out."""
    if not isinstance(value, Mapping):
        raise TypeError("must be an object with whole numbers as values")
    return {
        text(name): integer(limit) for name, limit in sorted(value.items()) if integer(limit) >= 0
    }


def table(value: Any) -> dict[str, Any]:
    """AMQP arguments or a definition: any JSON object, sorted by name. Versions before 4.2.6 answer
    an empty list for an empty object."""
    if value == []:
        return {}
    if not isinstance(value, Mapping):
        raise TypeError("must be an object")
    return dict(sorted(value.items()))


def any_json(value: Any) -> Any:
    """Any JSON value, with the names of objects sorted."""
    return json.loads(json.dumps(value, sort_keys=True))


def arguments_key(arguments: Mapping[str, Any]) -> str:
    """Return arguments as text, as part of a key: they distinguish bindings."""
    return json.dumps(table(arguments), sort_keys=True, separators=(",", ":"))
