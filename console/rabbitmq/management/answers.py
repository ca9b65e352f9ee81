"""Decode JSON answers of unknown shape."""

from __future__ import annotations

from typing import Any

import msgspec

from console.rabbitmq.errors import MalformedAnswer


def decoded(body: bytes) -> Any:
    """Decode JSON. Raises MalformedAnswer."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise MalformedAnswer("The answer isn't valid JSON.") from error


def must_name(row: Any, **names: str) -> None:
    """Raise MalformedAnswer unless the row is an object with exactly these names."""
    if not isinstance(row, dict) or any(row.get(field) != name for field, name in names.items()):
        raise MalformedAnswer(
            "The broker's answer is about a different object than the one requested."
        )


def rows_of(value: Any) -> list[dict[str, Any]]:
    """Return every row of a listing. Raises MalformedAnswer for a row that isn't an object:
    skipping it would make the object look absent."""
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise MalformedAnswer("The broker answered with something other than a list of objects.")
    return value
