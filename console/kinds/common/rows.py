"""How a kind is stored in a definitions file: its section, reading and writing rows, and
findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from console.kinds.common.kind import Key

Row = dict[str, Any]


class Level(StrEnum):
    """How serious a finding is."""

    #: The row or value is left out.
    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Left(Exception):
    """The row is left out, and the finding is already recorded."""


class Taker(Protocol):
    """The reader of a file, as a section's `read` uses it."""

    version: str
    #: By component: readers of values that are stored among the parameters.
    components: Mapping[str, ReadComponent]

    def why_weak(self, password: str) -> str:
        """Why a clear password is refused here, in one sentence without it; "" where it isn't."""
        ...

    def left(self, level: Level, name: str, sentence: str) -> Left:
        """Record why the row is left out. Returns the exception for the caller to raise."""
        ...

    def skip(self, name: str, sentence: str) -> None:
        """Skip a row. In a file, record a note and raise Left. In a broker's own definitions,
        return: the row's object is then only carried into files."""
        ...

    def note(self, level: Level, name: str, sentence: str) -> None:
        """Record a finding about the field `name` of the row; the row is kept."""
        ...

    def name(self, kind: str, row: Mapping[str, Any], key: str = "name") -> str:
        """Return the checked name in the row's field `key`. Raises SpecError or Left."""
        ...

    def vhost_of(self, row: Mapping[str, Any]) -> str:
        """Return the row's virtual host, in a file of one virtual host that one. Raises SpecError
        or Left."""
        ...

    def take(self, kind: str, key: Key, spec: dict[str, Any]) -> None:
        """Add an object to the result. `spec` has only the fields that the row has."""
        ...

    def lay_over(self, kind: str, key: Key, spec: dict[str, Any]) -> None:
        """Add fields to an object of another section, which may come later in the file."""
        ...


ReadRow = Callable[[Taker, Row], None]
#: (reader, virtual host, name, value) of a parameter.
ReadComponent = Callable[[Taker, str, str, Any], None]
#: The (section, row) pairs of one object, of its key and spec.
EmitRows = Callable[[Key, Mapping[str, Any]], Iterator[tuple[str, Row]]]


@dataclass(frozen=True, slots=True)
class Section:
    """A section of a definitions file.

    `name` is the section, `keys` are the fields that a row may have. `read` passes the row's object
    to the Taker, or raises SpecError with the wrong field; None if another kind's section contains
    the objects. RabbitMQ imports sections by `order`. `in_vhost_files`: a file of a single virtual
    host has the section. `on_top`: fields that such a file has for the virtual host itself.
    """

    name: str
    order: int
    emit: EmitRows
    read: ReadRow | None = None
    keys: frozenset[str] = frozenset()
    in_vhost_files: bool = True
    on_top: frozenset[str] = frozenset()
    #: The component under which its objects, or a part of each, are stored among the parameters; ""
    #: if none.
    component: str = ""
    read_component: ReadComponent | None = None


def some(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Return those of the named fields that the row has."""
    return {name: row[name] for name in names if name in row}
