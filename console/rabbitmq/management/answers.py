"""What objects are read from and written through, and the shape of what comes back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from console.rabbitmq.errors import MalformedAnswer
from console.rabbitmq.management.paths import Query

Spec = dict[str, Any]
Key = tuple[str, ...]
Listed = dict[Key, Spec]
Seen = Mapping[str, Any]


class Store(Protocol):
    """Calls to one broker by path segments. Every method raises BrokerError."""

    def get(self, *segments: str, query: Query | None = None) -> Any: ...
    def put(self, body: Any, *segments: str) -> None: ...
    def remove(self, *segments: str, query: Query | None = None) -> None: ...
    def post(self, *segments: str, body: Any = None) -> None: ...


def decoded(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise MalformedAnswer("The answer is not readable JSON.") from error


def object_of(value: Any) -> Spec:
    if not isinstance(value, dict):
        raise MalformedAnswer("The broker answered with something other than an object.")
    return value


def must_name(row: Spec, **names: str) -> None:
    """Raises MalformedAnswer unless the row names what was asked for."""
    if any(row.get(field) != name for field, name in names.items()):
        raise MalformedAnswer("The broker answered for another object than the one asked for.")


def rows_of(value: Any) -> list[Spec]:
    """Every row: what a listing leaves out counts as absent, so none is passed over."""
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise MalformedAnswer("The broker answered with something other than a list of objects.")
    return value
