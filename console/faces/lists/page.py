"""One page of a list, as templates show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from console.errors import InvalidField
from console.faces.lists.declare import Column, Filter

if TYPE_CHECKING:
    from console.faces.lists.read import ListRequest


@dataclass(frozen=True)
class Chip:
    """An active filter. `remove_href` is the same list without it."""

    label: str
    value: str
    remove_href: str


@dataclass(frozen=True)
class HeaderCell:
    """A shown column as a header cell. `sorted` is the value for aria-sort: "ascending",
    "descending", or "". `href` is the same list sorted by this column; "" if it isn't sortable."""

    column: Column
    href: str
    sorted: str


@dataclass(frozen=True)
class Control:
    """A filter as a form control. `options`: (value, label, count or None, selected)."""

    filter: Filter
    value: str
    options: Sequence[tuple[str, str, int | None, bool]] = ()


@dataclass(frozen=True, kw_only=True)
class Listing:
    """One page of a list, as templates show it.

    `matched` of `total` rows in scope match the filters; `page` counts from 1; `totals` are aggregates
    over all matching rows.
    """

    request: ListRequest
    rows: list[Any]
    matched: int
    total: int
    page: int
    pages: int
    totals: Mapping[str, Any] = field(default_factory=dict)
    #: Filter key -> value -> number of rows with it. Filters without counts are missing.
    facets: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.request.spec.name

    @property
    def problems(self) -> tuple[InvalidField, ...]:
        return self.request.problems

    @property
    def is_filtered(self) -> bool:
        return bool(self.request.values)

    @property
    def shows(self) -> dict[str, bool]:
        """Shown columns, for `{% if listing.shows.name %}`."""
        return dict.fromkeys(self.request.shown, True)

    @property
    def headers(self) -> list[HeaderCell]:
        return [self._header(c) for c in self.request.spec.columns if c.key in self.request.shown]

    @property
    def columns(self) -> list[tuple[Column, bool]]:
        """Every column with whether it is shown, for the column chooser."""
        return [(c, c.key in self.request.shown) for c in self.request.spec.columns]

    @property
    def controls(self) -> list[Control]:
        """The filters that have a form control."""
        return [self._control(one) for one in self.request.spec.filters if one.control]

    @property
    def chips(self) -> list[Chip]:
        """The active filters."""
        chips = []
        for one in self.request.spec.filters:
            if (value := self.request.values.get(one.key)) is not None:
                shown = "" if one.kind == "flag" else one.choices.get(value, value)
                chips.append(Chip(one.label, shown, self.request.href(page=1, **{one.key: None})))
        return chips

    @property
    def clear_href(self) -> str:
        """The list without filters, in the same scope, order and columns."""
        return self.request.href(page=1, **dict.fromkeys(self.request.values, None))

    @property
    def hidden_for_filters(self) -> list[tuple[str, str]]:
        """Hidden inputs of the filters' GET form: all parameters except those of its controls."""
        shown = {one.key for one in self.request.spec.filters if one.control}
        gone = {key: None for key in self.request.values if key in shown}
        return list(self.request.parameters(page=None, **gone).items())

    @property
    def hidden_for_columns(self) -> list[tuple[str, str]]:
        """Hidden inputs of the column chooser's GET form."""
        return list(self.request.parameters(columns=None).items())

    @property
    def first_row(self) -> int:
        """The number of the page's first row, from 1; 0 if the page is empty."""
        return (self.page - 1) * self.request.page_size + 1 if self.rows else 0

    @property
    def last_row(self) -> int:
        """The number of the page's last row, from 1; 0 if the page is empty."""
        return self.first_row + len(self.rows) - 1 if self.rows else 0

    @property
    def previous_href(self) -> str:
        """The previous page; "" on the first."""
        return self.request.href(page=self.page - 1) if self.page > 1 else ""

    @property
    def next_href(self) -> str:
        """The next page; "" on the last."""
        return self.request.href(page=self.page + 1) if self.page < self.pages else ""

    @property
    def page_links(self) -> list[tuple[int | None, str]]:
        """(number, href) of first, last and nearby pages; (None, "") for the pages between."""
        near = range(self.page - 2, self.page + 3)
        numbers = sorted({1, self.pages, *(n for n in near if 1 <= n <= self.pages)})
        links: list[tuple[int | None, str]] = []
        for number in numbers:
            if links and (last := links[-1][0]) is not None and number - last > 1:
                links.append((None, ""))
            links.append((number, self.request.href(page=number)))
        return links

    @property
    def self_href(self) -> str:
        """The same page of this list, for refresh in place."""
        return self.request.href(page=self.page)

    @property
    def export_query(self) -> str:
        """The query string of the CSV link: all pages, with the same filters and order."""
        return self.request.href(page=None, page_size=None, columns=None)

    def _header(self, column: Column) -> HeaderCell:
        if not column.order:
            return HeaderCell(column, "", "")
        up, down = column.key, f"-{column.key}"
        if self.request.sort == up:
            return HeaderCell(column, self.request.href(sort=down, page=1), "ascending")
        if self.request.sort == down:
            return HeaderCell(column, self.request.href(sort=up, page=1), "descending")
        first = down if column.descending_first else up
        return HeaderCell(column, self.request.href(sort=first, page=1), "")

    def _control(self, one: Filter) -> Control:
        value = self.request.values.get(one.key, "")
        counts = self.facets.get(one.key)
        options = [
            (key, label, counts.get(key, 0) if counts is not None else None, key == value)
            for key, label in one.choices.items()
            if counts is None or counts.get(key) or key == value
        ]
        return Control(one, value, options)
