"""Calls of the management API as data. A kind's wire builds them, and `ObjectStore` sends them."""

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
    """One GET. `segments` are the parts of the path after /api/, unescaped. The answer is an object
    or a list of rows."""

    segments: tuple[str, ...]
    query: Query | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """One write. `segments` as in `Get`; `body` None: no body.

    `missing` is the message for a 404 or 405, for endpoints that older versions lack; "" treats
    those as any other error.
    """

    method: Literal["PUT", "POST", "DELETE"]
    segments: tuple[str, ...]
    body: Any = None
    query: Query | None = field(default=None)
    missing: str = ""
    #: What the path only abbreviates: a binding's `routing_key` and `arguments`.
    whole: Mapping[str, Any] | None = None
    #: Printable ASCII only.
    headers: Mapping[str, str] | None = None


class Wire(Protocol):
    """How objects of one kind travel over the management API. Pure: it builds calls and reads
    answers, and sends nothing. Keys are in the order of `Kind.identity`."""

    def listing(self) -> Sequence[Get]:
        """Return the readings that together list every object of the broker."""
        ...

    def one(self, key: Key) -> Sequence[Get]:
        """Return the readings for one object. A 404 of the first means that it doesn't exist."""
        ...

    def specs(self, *answers: Sequence[Row]) -> Iterator[tuple[Key, Row]]:
        """Yield (key, spec) from the answers to `listing` or `one`, given in the same order.

        A spec lacks fields that this version doesn't report. Raises KeyError, TypeError or
        ValueError for a row that isn't an object of this kind.
        """
        ...

    def writes(self, key: Key, spec: Spec, before: Spec | None) -> Iterable[Call]:
        """Return the calls that give the object the canonical `spec`.

        `before` is the spec just read, None if the object doesn't exist. Raises SpecError or
        BrokerError for what must not be sent.
        """
        ...

    def delete(self, key: Key, answers: Sequence[Row], *, if_empty: bool) -> Call:
        """Return the call that deletes the object.

        `answers` are the rows of the first reading of `one` if `reads_before_delete`, else empty;
        raises NotFound if they lack the object. `if_empty`: the broker must refuse an object that
        is in use: a queue with messages, an exchange with bindings.
        """
        ...

    #: Whether `delete` needs the answer to `one`.
    reads_before_delete: bool

    def kept_while_down(self, key: Key) -> Get | None:
        """Return a listing that includes objects on nodes that are down, for which a GET answers
        404. None for kinds that are on every node."""
        ...

    def located(self, segments: Sequence[str], body: Mapping[str, Any]) -> Key | None:
        """Return the key of the object that a call is about: the inverse of `writes` and `delete`.
        None if the call isn't about this kind."""
        ...

    def spec_of_body(self, body: Mapping[str, Any]) -> Row:
        """Return the spec in a body that `writes` sends. Fields that the body doesn't contain are left out."""
        ...
