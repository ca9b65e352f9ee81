"""Calls of the management API as data: what a kind's wire asks for and `ObjectStore` carries out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from console.rabbitmq.management.paths import Query

Row = dict[str, Any]
Spec = Mapping[str, Any]
Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Get:
    """One reading. `segments` follow /api/; the answer is an object, or a list of rows."""

    segments: tuple[str, ...]
    query: Query | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """One write. `missing`: what a 404 or 405 of this call means, "" where it is an error as any."""

    method: Literal["PUT", "POST", "DELETE"]
    segments: tuple[str, ...]
    body: Any = None
    query: Query | None = field(default=None)
    missing: str = ""


class Wire(Protocol):
    """How objects of one kind travel over the management API. Pure: it makes calls and reads answers."""

    def listing(self) -> Sequence[Get]:
        """Readings that together tell every object."""
        ...

    def one(self, key: Key) -> Sequence[Get]:
        """Readings that tell one object; a 404 of the first says that it is not there."""
        ...

    def specs(self, *answers: Sequence[Row]) -> Iterator[tuple[Key, Row]]:
        """Objects from the answers to `listing` or `one`, in that order. Raises KeyError, TypeError or
        ValueError on a row that cannot be one."""
        ...

    def writes(self, key: Key, spec: Spec, before: Spec | None) -> Iterable[Call]:
        """What makes the object as the canonical `spec` says, where `before` was read just now."""
        ...

    def delete(self, key: Key, answers: Sequence[Row], *, if_empty: bool) -> Call:
        """`answers`: rows of `one`, where `reads_before_delete`."""
        ...

    #: Whether a deletion needs what `one` answers.
    reads_before_delete: bool

    def kept_while_down(self, key: Key) -> Get | None:
        """Objects that answer 404 while their node is down: the listing that keeps them. None: this
        kind's are on every node."""
        ...

    def located(self, segments: Sequence[str], body: Mapping[str, Any]) -> Key | None:
        """The object that a call is about: the inverse of `writes` and `delete`. None: not of this kind."""
        ...

    def spec_of_body(self, body: Mapping[str, Any]) -> Row:
        """The inverse of the body that `writes` sends, as far as the body tells."""
        ...
