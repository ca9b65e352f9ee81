"""JSON of an answer whose shape is not known before."""

from __future__ import annotations

from typing import Any

import msgspec

from console.rabbitmq.errors import MalformedAnswer


def decoded(body: bytes) -> Any:
    """Raises MalformedAnswer."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise MalformedAnswer("The answer isn't valid JSON.") from error


def must_name(row: Any, **names: str) -> None:
    """Raises MalformedAnswer unless the row is an object that names what was asked for."""
    if not isinstance(row, dict) or any(row.get(field) != name for field, name in names.items()):
        raise MalformedAnswer(
            "The broker's answer is about a different object than the one requested."
        )


def rows_of(value: Any) -> list[dict[str, Any]]:
    """Every row: what a listing leaves out counts as absent, so none is passed over."""
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise MalformedAnswer("The broker answered with something other than a list of objects.")
    return value
