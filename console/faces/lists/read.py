"""Read a URL into a checked request for a page of a list."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, F, Q, QuerySet
from django.http import QueryDict

from console.errors import InvalidField
from console.faces.lists.declare import DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE, MAX_TEXT, Filter, ListSpec
from console.faces.lists.page import Listing
from console.scope import PARAMETERS as SCOPE_PARAMETERS

_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,9}")
_YES, _NO = frozenset({"1", "true", "yes", "on"}), frozenset({"", "0", "false", "no", "off"})


@dataclass(frozen=True, kw_only=True)
class ListRequest:
    """A URL's request for a list, checked. `values`: filter key -> value of active filters. `kept`:
    scope and other parameters of the page. `problems`: what couldn't be used and was left out."""

    spec: ListSpec
    sort: str
    #: The columns that are shown if the URL names none.
    default_shown: tuple[str, ...]
    page: int
    page_size: int
    shown: tuple[str, ...]
    values: Mapping[str, str]
    kept: Mapping[str, str]
    problems: tuple[InvalidField, ...] = ()

    def where(self) -> Q:
        """Return the condition of all active filters, without the scope."""
        condition = Q()
        for one in self.spec.filters:
            if one.key in self.values:
                condition &= one.where(self.values[one.key])
        return condition

    def filtered(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows that match the active filters."""
        return rows.filter(self.where())

    def ordered(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows sorted by the sort column, unknown values last in both directions, then by the tiebreak."""
        key = self.sort.removeprefix("-")
        down = self.sort.startswith("-")
        order: list[Any] = []
        for term in self.spec.sortable()[key].order:
            expression: Any = F(term) if isinstance(term, str) else term
            order.append((expression.desc if down else expression.asc)(nulls_last=True))
        return rows.order_by(*order, *self.spec.tiebreak)

    def show(
        self,
        rows: QuerySet[Any],
        *,
        totals: Mapping[str, Any] | None = None,
        total: int | None = None,
        facets: Mapping[str, Mapping[str, int]] | None = None,
    ) -> Listing:
        """Return one page of `rows` (everything in scope).

        `totals`: aggregates over all matching rows; `total`: the number of rows in scope, None to
        count them; `facets`: see Listing. Two queries for the page, one for counts and totals, one
        more for the total if a filter is active. Past the end, the last page is returned.
        """
        matching = self.filtered(rows)
        figures = matching.order_by().aggregate(listing_count=Count("pk"), **(totals or {}))
        matched = figures.pop("listing_count")
        if total is None:
            total = rows.order_by().count() if self.where() else matched
        page, pages, start = self._placed(matched)
        return Listing(
            request=self,
            rows=self._page(rows, matching, start) if matched else [],
            matched=matched,
            total=max(total, matched),
            page=page,
            pages=pages,
            totals=figures,
            facets=facets or {},
        )

    def show_loaded(
        self,
        rows: QuerySet[Any],
        loaded: Sequence[Any],
        *,
        totals: Callable[[Sequence[Any]], Mapping[str, Any]],
    ) -> Listing:
        """Return one page of a list that was read whole: `loaded` is what `ordered(rows)` has. `totals`
        returns the figures of the matching rows. One query if a filter is active, else none."""
        found = loaded
        if self.values:
            matching = set(self.filtered(rows).order_by().values_list("pk", flat=True))
            found = [row for row in loaded if row.pk in matching]
        page, pages, start = self._placed(len(found))
        return Listing(
            request=self,
            rows=list(found[start : start + self.page_size]),
            matched=len(found),
            total=len(loaded),
            page=page,
            pages=pages,
            totals=totals(found),
        )

    def _placed(self, matched: int) -> tuple[int, int, int]:
        """Return the page, the number of pages, and the place of the page's first row."""
        pages = max(1, math.ceil(matched / self.page_size))
        page = min(self.page, pages)
        return page, pages, (page - 1) * self.page_size

    def _page(self, rows: QuerySet[Any], matching: QuerySet[Any], start: int) -> list[Any]:
        """Return the rows of one page. Sorts primary keys first, then reads only the page's rows: a
        third of the time of sorting whole rows with their joins (bench/pages.py)."""
        keys = self.ordered(matching.select_related(None)).values_list("pk", flat=True)
        place = {pk: n for n, pk in enumerate(keys[start : start + self.page_size])}
        return sorted(rows.filter(pk__in=place), key=lambda row: place[row.pk])

    def parameters(self, **changes: str | int | None) -> dict[str, str]:
        """Return the URL's parameters with these changes (None: remove). Defaults are left out."""
        now: dict[str, str | int | None] = {
            **self.kept,
            **self.values,
            "sort": self.sort,
            "columns": ",".join(self.shown),
            "page_size": self.page_size,
            "page": self.page,
        }
        now.update(changes)
        for key, default in (
            ("sort", self.spec.default_sort),
            ("columns", ",".join(self.default_shown)),
            ("page_size", DEFAULT_PAGE_SIZE),
            ("page", 1),
        ):
            if str(now[key]) == str(default):
                now[key] = None
        return {key: str(value) for key, value in now.items() if value is not None}

    def href(self, **changes: str | int | None) -> str:
        """Return the query string of `parameters`, with its question mark."""
        return "?" + urlencode(self.parameters(**changes))


def read_list(
    spec: ListSpec, parameters: QueryDict, *, hidden: Collection[str] = ()
) -> ListRequest:
    """Check a URL's parameters. Never raises: unusable ones are left out and reported in
    `problems`.

    `hidden`: keys of columns to show only if the URL names them, such as the broker of a broker's
    rows.
    """
    reader = _Reader(spec, parameters)
    default = tuple(c.key for c in spec.columns if c.shown and c.key not in hidden)
    return ListRequest(
        spec=spec,
        sort=reader.sort(),
        default_shown=default,
        page=reader.number("page", 1, least=1, most=None),
        page_size=reader.number("page_size", DEFAULT_PAGE_SIZE, least=1, most=MAX_PAGE_SIZE),
        shown=reader.columns() or default,
        values=reader.filters(),
        kept=reader.kept(),
        problems=tuple(reader.problems),
    )


class _Reader:
    """Reads one URL, and collects what it can't use."""

    def __init__(self, spec: ListSpec, parameters: QueryDict) -> None:
        self.spec = spec
        self.parameters = parameters
        self.problems: list[InvalidField] = []
        # `change` names the change that the page follows. It isn't the list's, and its links don't
        # keep it.
        known = {"sort", "columns", "page", "page_size", "change", *SCOPE_PARAMETERS, *spec.also}
        known.update(one.key for one in spec.filters)
        for name in list(parameters)[:20]:
            if name not in known:
                self._problem(name[:60], f"This list has no filter called “{_short(name)}”.")

    def sort(self) -> str:
        wanted = self.parameters.get("sort") or self.spec.default_sort
        if wanted.removeprefix("-") in self.spec.sortable():
            return wanted
        self._problem("sort", f"This list can't be sorted by “{_short(wanted)}”.")
        return self.spec.default_sort

    def number(self, name: str, default: int, *, least: int, most: int | None) -> int:
        text = (self.parameters.get(name) or "").strip()
        if not text:
            return default
        upper = most if most is not None else 10**9
        if _WHOLE_NUMBER.fullmatch(text) and least <= (value := int(text)) <= upper:
            return value
        bounds = f"from {least} to {most}" if most is not None else f"of {least} or more"
        self._problem(name, f"{name} must be a whole number {bounds}, not “{_short(text)}”.")
        return default

    def columns(self) -> tuple[str, ...]:
        asked = [
            key
            for text in self.parameters.getlist("columns")
            for key in text.split(",", 100)[:100]
            if key
        ]
        known = {column.key for column in self.spec.columns}
        for key in dict.fromkeys(asked):
            if key not in known:
                self._problem("columns", f"This list has no column called “{_short(key)}”.")
        chosen = known.intersection(asked)
        return tuple(column.key for column in self.spec.columns if column.key in chosen)

    def filters(self) -> dict[str, str]:
        values = {}
        for one in self.spec.filters:
            if value := self._filter(one, self.parameters.get(one.key, "")):
                values[one.key] = value
        return values

    def kept(self) -> dict[str, str]:
        kept = {}
        for name in (*SCOPE_PARAMETERS, *self.spec.also):
            value = self.parameters.get(name, "")
            if value and "\0" not in value and len(value) <= MAX_TEXT * 4:
                kept[name] = value
        return kept

    def _filter(self, one: Filter, text: str) -> str:
        if one.kind == "flag":
            if text.lower() in _YES:
                return "1"
            if text.lower() not in _NO:
                self._problem(one.key, f"{one.label} must be 1 or empty, not “{_short(text)}”.")
            return ""
        if not text:
            return ""
        if "\0" in text:
            self._problem(one.key, f"{one.label} can't contain a NUL character.")
            return ""
        if one.kind == "choice":
            if text in one.choices:
                return text
            self._problem(
                one.key,
                f"{one.label} must be one of {', '.join(one.choices)}, not “{_short(text)}”.",
            )
            return ""
        if len(text) > MAX_TEXT:
            self._problem(one.key, f"{one.label} can be at most {MAX_TEXT} characters long.")
            return ""
        return text

    def _problem(self, name: str, message: str) -> None:
        self.problems.append(InvalidField(name, message))


def _short(text: str) -> str:
    """Return typed text, safe to show in a sentence: at most 60 characters, all printable."""
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:60])
    return shown + "…" if len(text) > 60 else shown
