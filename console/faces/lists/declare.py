"""What a list may show, sort and filter by."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from django.db.models import Q
from django.db.models.expressions import Combinable

DEFAULT_PAGE_SIZE = 100
MAX_PAGE_SIZE = 500
#: RabbitMQ's names hold at most 255 bytes, so a longer text can match nothing.
MAX_TEXT = 255

#: What a cell of a CSV file may be made of. None is unknown: an empty cell.
CellValue = str | int | float | bool | datetime | None


@dataclass(frozen=True, kw_only=True)
class Column:
    """`cell` is what a page shows of a row, for lists that are drawn by their declaration. `order`: the field paths or expressions to sort by, most significant first; empty: the
    column cannot be sorted by. `value`: what the CSV export says for a row; None: not exported.
    Numbers usually interest from the top: `descending_first`."""

    key: str
    label: str
    order: Sequence[str | Combinable] = ()
    value: Callable[[Any], CellValue] | None = None
    cell: Callable[[Any], Any] | None = None
    align: Literal["start", "end"] = "start"
    shown: bool = True
    descending_first: bool = False
    help: str = ""


@dataclass(frozen=True, kw_only=True)
class Filter:
    """`where` turns a checked value into a condition. `choices` (value -> label) allows only
    those values; without choices any text of at most MAX_TEXT characters is taken. A `flag` is
    on or off. One without a `control` is reached by links and shows as a chip only."""

    key: str
    label: str
    where: Callable[[str], Q]
    kind: Literal["text", "choice", "flag"] = "text"
    choices: Mapping[str, str] = field(default_factory=dict)
    help: str = ""
    control: bool = True


def contains(*fields: str) -> Callable[[str], Q]:
    """A condition that any of the fields holds the text, in whatever case; no wildcards."""

    def where(text: str) -> Q:
        condition = Q()
        for name in fields:
            condition |= Q(**{f"{name}__icontains": text})
        return condition

    return where


def equals(name: str) -> Callable[[str], Q]:
    return lambda text: Q(**{name: text})


@dataclass(frozen=True, kw_only=True)
class ListSpec:
    """`default_sort` is a column key, with a minus for descending. `tiebreak` ends in something
    unique, so that pages never overlap."""

    name: str
    columns: Sequence[Column]
    filters: Sequence[Filter] = ()
    default_sort: str
    tiebreak: Sequence[str]
    #: Parameters that mean something to the page besides, and are carried along.
    also: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.default_sort.removeprefix("-") not in self.sortable():
            raise ValueError(f"{self.name}: cannot sort by {self.default_sort}")

    def sortable(self) -> dict[str, Column]:
        return {column.key: column for column in self.columns if column.order}

    def exported(self) -> list[Column]:
        return [column for column in self.columns if column.value]
