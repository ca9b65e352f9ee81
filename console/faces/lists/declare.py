"""Declares what a list shows, and what it can be sorted and filtered by."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from django.db.models import Q
from django.db.models.expressions import Combinable

DEFAULT_PAGE_SIZE = 100
MAX_PAGE_SIZE = 500
#: RabbitMQ's names have at most 255 bytes, so a longer text can't match.
MAX_TEXT = 255

#: The type of a CSV cell's value. None is unknown: an empty cell.
CellValue = str | int | float | bool | datetime | None


@dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a list.

    `cell` turns a row into its text or HTML, for lists without their own template. `order`: the
    field paths or expressions to sort by, most significant first; empty: not sortable. `value`
    turns a row into its CSV value; None: not exported. `descending_first`: the first click sorts in
    descending order, for numbers. `shown`: whether it is shown by default.
    """

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
    """A filter of a list.

    `where` turns a checked value into a condition. `choices` (value -> label) allows only those
    values; without choices, any text of at most MAX_TEXT characters is allowed. A `flag` is on or
    off. Without a `control`, only links set it, and it shows as a chip.
    """

    key: str
    label: str
    where: Callable[[str], Q]
    kind: Literal["text", "choice", "flag"] = "text"
    choices: Mapping[str, str] = field(default_factory=dict)
    help: str = ""
    control: bool = True
    #: The API also accepts values that aren't in `choices`.
    others: bool = False


def contains(*fields: str) -> Callable[[str], Q]:
    """Return a `Filter.where`: any of the fields contains the text. Ignores case; has no wildcards."""

    def where(text: str) -> Q:
        condition = Q()
        for name in fields:
            condition |= Q(**{f"{name}__icontains": text})
        return condition

    return where


def equals(name: str) -> Callable[[str], Q]:
    """Return a `Filter.where`: the field equals the text."""
    return lambda text: Q(**{name: text})


@dataclass(frozen=True, kw_only=True)
class ListSpec:
    """A list: its columns and filters.

    `default_sort` is a column key, with a minus for descending. `tiebreak` are field paths that end
    in a unique one, so that pages never overlap. Raises ValueError if `default_sort` isn't a
    sortable column.
    """

    name: str
    columns: Sequence[Column]
    filters: Sequence[Filter] = ()
    default_sort: str
    tiebreak: Sequence[str]
    #: Other URL parameters of the page, which the list's links keep.
    also: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.default_sort.removeprefix("-") not in self.sortable():
            raise ValueError(f"{self.name}: cannot sort by {self.default_sort}")

    def sortable(self) -> dict[str, Column]:
        """Return the columns that can be sorted by, by key."""
        return {column.key: column for column in self.columns if column.order}

    def exported(self) -> list[Column]:
        """Return the columns of the CSV export."""
        return [column for column in self.columns if column.value]
