"""Read a listing page by page, skipping rows that the broker itself can't list.

Pages aren't a snapshot: rows move between them while queues come and go. On 4.x, one queue whose
name isn't UTF-8 turns every page that contains it into a 500 with an empty body; the other pages
still work.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from console.rabbitmq.endpoint import Limits
from console.rabbitmq.errors import AnswerTooLarge, BrokerFailed, MalformedAnswer, Rejected
from console.rabbitmq.text import printable

PAGE_SIZE = 500  # the largest size that the broker accepts
_NARROWER = {500: 100, 100: 20, 20: 4, 4: 1}
_ATTEMPTS = 3
#: With more unlistable rows than this, the broker has another problem than a malformed name.
_MOST_UNLISTABLE = 20


class _Page(msgspec.Struct):
    total_count: int
    items: list[msgspec.Raw]


_pages = msgspec.json.Decoder(_Page)


@dataclass
class PagedRows:
    """Undecoded rows. `unlistable` counts rows that the broker couldn't list. `complete`: all other
    rows are here, and the total didn't change while reading."""

    rows: list[msgspec.Raw] = field(default_factory=list)
    unlistable: int = 0
    complete: bool = True

    def add(self, other: PagedRows) -> None:
        self.rows += other.rows
        self.unlistable += other.unlistable
        self.complete = self.complete and other.complete


def read_pages(get: Callable[[int, int], bytes], limits: Limits) -> PagedRows:
    """Return every row. `get(page, page_size)` returns the body of one page or raises BrokerError.

    If the broker's total changes meanwhile, everything is read again, three times at most. The rows
    of the last round are then returned as incomplete.
    """
    for _ in range(_ATTEMPTS):
        reader = _Round(get, limits)
        reader.read()
        if reader.steady:
            return reader.found
    reader.found.complete = False
    return reader.found


def first_pages(get: Callable[[int, int], bytes], *, most: int) -> PagedRows:
    """Return the first rows, at most `most`; incomplete if there are more. `get`: see `read_pages`.

    Not a snapshot: a row may appear twice or be missing while rows come and go.
    """
    found = PagedRows()
    for page in range(1, most // PAGE_SIZE + 1):
        try:
            answer = _decoded(get(page, PAGE_SIZE))
        except Rejected as error:
            if page > 1 and "out of range" in error.detail:
                return found
            raise
        found.rows.extend(answer.items[:PAGE_SIZE])
        if not answer.items or page * PAGE_SIZE >= answer.total_count:
            return found
    found.complete = False
    return found


class _Round:
    def __init__(self, get: Callable[[int, int], bytes], limits: Limits) -> None:
        self._get = get
        self._limits = limits
        self._totals: set[int] = set()
        self.found = PagedRows()

    @property
    def steady(self) -> bool:
        """Whether the total never changed and equals the number of rows."""
        seen = len(self.found.rows) + self.found.unlistable
        return len(self._totals) == 1 and self._totals == {seen}

    def read(self) -> None:
        page = 1
        while self._read_page(page, PAGE_SIZE) and page * PAGE_SIZE < max(self._totals, default=0):
            page += 1

    def _read_page(self, page: int, size: int) -> bool:
        """Read one page; return whether the broker has it."""
        try:
            body = self._get(page, size)
        except Rejected as error:
            if page > 1 and "out of range" in error.detail:
                return False
            raise
        except BrokerFailed:
            return self._read_narrower(page, size)
        answer = _decoded(body)
        self._totals.add(answer.total_count)
        self.found.rows.extend(answer.items)
        if max(len(self.found.rows), answer.total_count) > self._limits.rows:
            raise AnswerTooLarge(f"More than {self._limits.rows:,} rows.", status=200)
        return bool(answer.items)

    def _read_narrower(self, page: int, size: int) -> bool:
        narrower = _NARROWER.get(size)
        if narrower is None:
            self.found.unlistable += 1
            if self.found.unlistable > _MOST_UNLISTABLE:
                raise BrokerFailed("The broker can't list its queues.", status=500)
            return True
        parts = size // narrower
        first = (page - 1) * parts + 1
        return all(self._read_page(first + part, narrower) for part in range(parts))


def _decoded(body: bytes) -> _Page:
    try:
        return _pages.decode(body)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise MalformedAnswer(f"Expected a page: {printable(str(error))}", status=200) from error
