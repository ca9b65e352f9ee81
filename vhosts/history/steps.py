"""Sum up known values over equal time steps. Pure arithmetic in whole seconds."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

#: Start and end in epoch seconds.
Span = tuple[int, int]


class Change(NamedTuple):
    """The depth from `at` (epoch seconds) on. None: unknown from then on."""

    at: int
    ready: int | None
    unacked: int | None


class Summary(NamedTuple):
    """A rollup's row: the sums over `known_s` seconds of the bucket that starts at `at`, and its
    closing depth."""

    at: int
    ready: tuple[int, int, float] | None  # min, max, mean
    unacked: tuple[int, int, float] | None
    closing: tuple[int | None, int | None]
    known_s: int


class Point(NamedTuple):
    """One step. `ready` and `unacked` are averages over its known part, weighted by time. All
    values are None if nothing in the step is known."""

    at: datetime
    ready: int | None
    unacked: int | None
    ready_min: int | None
    ready_max: int | None
    unacked_min: int | None
    unacked_max: int | None


class Steps:
    """Collects changes and summaries from `start` to `end`; returns a Point per `step` seconds.

    Steps begin at multiples of `step`, so that a chart doesn't jitter when it is read again.
    """

    def __init__(self, start: int, end: int, step: int) -> None:
        self._first = start - start % step
        self._step = step
        self._start, self._end = start, end
        count = max(0, -(-(end - self._first) // step))
        self._count = count
        self._known = [[0] * count, [0] * count]
        self._sums = [[0.0] * count, [0.0] * count]
        self._least: list[list[int | None]] = [[None] * count, [None] * count]
        self._most: list[list[int | None]] = [[None] * count, [None] * count]

    def add_changes(self, changes: Sequence[Change], spans: Sequence[Span], until: int) -> None:
        """Add changes. Each one is valid until the next, the last one until `until`, and only
        within `spans`."""
        for change, following in zip(changes, [*changes[1:], None], strict=True):
            if change.ready is None:
                continue
            ends = until if following is None else min(following.at, until)
            for begin, end in _within(change.at, ends, spans):
                self._add(begin, end, change.ready, change.unacked)

    def add_summary(self, summary: Summary) -> None:
        position = (summary.at - self._first) // self._step
        if not 0 <= position < self._count:
            return
        for kind, summed in enumerate((summary.ready, summary.unacked)):
            if summed is not None:
                least, most, mean = summed
                self._known[kind][position] += summary.known_s
                self._sums[kind][position] += mean * summary.known_s
                self._widen(kind, position, least, most)

    def _add(self, begin: int, end: int, *values: int | None) -> None:
        begin, end = max(begin, self._start), min(end, self._end)
        while begin < end:
            position = (begin - self._first) // self._step
            cut = min(end, self._first + (position + 1) * self._step)
            for kind, value in enumerate(values):
                if value is not None:
                    self._known[kind][position] += cut - begin
                    self._sums[kind][position] += value * (cut - begin)
                    self._widen(kind, position, value, value)
            begin = cut

    def _widen(self, kind: int, position: int, least: int, most: int) -> None:
        known_least, known_most = self._least[kind][position], self._most[kind][position]
        self._least[kind][position] = least if known_least is None else min(known_least, least)
        self._most[kind][position] = most if known_most is None else max(known_most, most)

    def points(self) -> list[Point]:
        return [
            Point(
                datetime.fromtimestamp(self._first + position * self._step, UTC),
                self._mean(0, position),
                self._mean(1, position),
                self._least[0][position],
                self._most[0][position],
                self._least[1][position],
                self._most[1][position],
            )
            for position in range(self._count)
        ]

    def _mean(self, kind: int, position: int) -> int | None:
        known = self._known[kind][position]
        return round(self._sums[kind][position] / known) if known else None


def _within(begin: int, end: int, spans: Sequence[Span]) -> Iterator[Span]:
    """Yield the parts of [begin, end) that are within `spans`, which are sorted and don't
    overlap."""
    for position in range(bisect_right(spans, begin, key=lambda span: span[1]), len(spans)):
        from_at, until_at = spans[position]
        if from_at >= end:
            return
        yield max(begin, from_at), min(end, until_at)
