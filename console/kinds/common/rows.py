"""How objects stand in a definitions file: the section, its rows, and what is wrong with one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from console.kinds.common.kind import Key

Row = dict[str, Any]


class Level(StrEnum):
    #: What it is about is not taken.
    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Left(Exception):
    """The row is left out, which is told already."""


class Taker(Protocol):
    """The reader of a file, as rows need it."""

    version: str
    #: Readers of values that stand among the parameters under a component's name.
    components: Mapping[str, ReadComponent]

    def left(self, level: Level, name: str, sentence: str) -> Left:
        """Tells why the row is left out; the caller raises what it gives."""
        ...

    def note(self, level: Level, name: str, sentence: str) -> None: ...
    def name(self, kind: str, row: Mapping[str, Any], key: str = "name") -> str: ...
    def vhost_of(self, row: Mapping[str, Any]) -> str: ...
    def take(self, kind: str, key: Key, spec: dict[str, Any]) -> None: ...
    def lay_over(self, kind: str, key: Key, spec: dict[str, Any]) -> None:
        """Adds fields to an object that another section tells, or implies it."""
        ...


ReadRow = Callable[[Taker, Row], None]
#: Of a parameter's vhost, name and value.
ReadComponent = Callable[[Taker, str, str, Any], None]
#: (section, row) pairs of one object.
EmitRows = Callable[[Key, Mapping[str, Any]], Iterator[tuple[str, Row]]]


@dataclass(frozen=True, slots=True)
class Section:
    """`name` is the section of the file, `keys` what a row of it may hold. `read` gives the object of a
    row to the Taker, or raises SpecError with the field that is wrong; None where another kind's
    section holds them. `order`: RabbitMQ imports sections in this order. `in_vhost_files`:
    whether a file of a single virtual host has it."""

    name: str
    order: int
    emit: EmitRows
    read: ReadRow | None = None
    keys: frozenset[str] = frozenset()
    in_vhost_files: bool = True
    #: Its objects, or a part of each, stand among the parameters under this component.
    component: str = ""
    read_component: ReadComponent | None = None


def some(row: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: row[name] for name in names if name in row}
