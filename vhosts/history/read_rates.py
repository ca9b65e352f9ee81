"""Read a queue's rates over time, in step with its depth (vhosts.history.read)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import connection

from vhosts.history.grid import moment, seconds_of, step_of
from vhosts.history.rate_rollups import KINDS
from vhosts.history.read import WIDTH, Source
from vhosts.history.steps import Span
from vhosts.models import Queue

_TABLE: dict[Source, str] = {"5m": "vhosts_queue_rate_5m", "1h": "vhosts_queue_rate_1h"}
_COLUMNS = ", ".join(KINDS)
#: Up to this length, every change is read.
_RAW_AT_MOST_S = 6 * 3600

#: A queue's rates in the order of KINDS; None: unknown.
Values = Sequence[float | None]
_NONE: Values = (0.0,) * len(KINDS)


class RatePoint(NamedTuple):
    """One step: averages over its known part in messages a second, and the highest values. All are
    None if nothing in the step is known."""

    at: datetime
    publish: float | None
    deliver: float | None
    ack: float | None
    redeliver: float | None
    get: float | None
    publish_max: float | None
    deliver_max: float | None
    ack_max: float | None
    redeliver_max: float | None
    get_max: float | None


@dataclass(frozen=True, slots=True)
class RateSeries:
    """A queue's rates. `source` is what was read: every change, or rollups."""

    step_s: int
    source: Source
    points: list[RatePoint]


def rate_series(
    queue: Queue, *, start: datetime, end: datetime, step_s: int | None = None, now: datetime
) -> RateSeries:
    """Return the rates of `queue` from `start` to `end`, at most to `now`.

    The step is chosen as for its depth; one that is finer than what is stored is widened. Raises
    InvalidField with `from`, `to` or `step`.
    """
    begin, stop = seconds_of(start, end, now)
    step = step_of(begin, stop, step_s, least=queue.broker.poll_interval_s)
    source = _source(begin, stop, step, now)
    width = WIDTH[source]
    step = -(-step // width) * width
    if begin >= stop:
        return RateSeries(step, source, [])
    steps = _Steps(begin, stop, step)
    spans = _spans(queue.broker_id, begin - begin % width, stop)
    if source == "raw":
        _add_changes(steps, queue, begin, stop, spans)
    else:
        _add_rollups(steps, queue, source, begin - begin % width, stop, spans)
    return RateSeries(step, source, steps.points())


def _source(begin: int, stop: int, step: int, now: datetime) -> Source:
    def kept(days: int) -> bool:
        return begin >= int((now - timedelta(days=days)).timestamp())

    if kept(settings.KEEP_RATES_DAYS) and stop - begin <= _RAW_AT_MOST_S:
        return "raw"
    if kept(settings.KEEP_ROLLUPS_5M_DAYS) and (step % 3600 or stop - begin < 14 * 86400):
        return "5m"
    return "1h"


def _spans(broker_id: int, begin: int, stop: int) -> list[Span]:
    """Return the spans of known rates that overlap the time, with their own beginnings."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT extract(epoch FROM from_at)::bigint, extract(epoch FROM until_at)::bigint"
            " FROM vhosts_ratespan WHERE broker_id = %s AND from_at < %s AND until_at > %s"
            " ORDER BY from_at",
            [broker_id, moment(stop), moment(begin)],
        )
        return [(row[0], row[1]) for row in cursor.fetchall()]


def _add_changes(steps: _Steps, queue: Queue, begin: int, stop: int, spans: Sequence[Span]) -> None:
    """Add every change. Within a span, a queue without a row had no traffic so far."""
    if not spans:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            (SELECT extract(epoch FROM at)::bigint, {_COLUMNS} FROM vhosts_queue_rate
             WHERE queue_id = %(queue)s AND at >= %(first)s AND at <= %(from)s
             ORDER BY at DESC LIMIT 1)
            UNION ALL
            (SELECT extract(epoch FROM at)::bigint, {_COLUMNS} FROM vhosts_queue_rate
             WHERE queue_id = %(queue)s AND at > %(from)s AND at < %(to)s)
            """,  # noqa: S608 – no part of it comes from outside
            {
                "queue": queue.pk,
                "first": moment(spans[0][0]),
                "from": moment(begin),
                "to": moment(stop),
            },
        )
        rows = sorted((row[0], tuple(row[1:])) for row in cursor.fetchall())
    _add_within(steps, rows, begin, stop, spans)


def _add_within(
    steps: _Steps,
    rows: Sequence[tuple[int, Values]],
    begin: int,
    stop: int,
    spans: Sequence[Span],
) -> None:
    """Add rows, each valid until the next one or the end of its span."""
    position = 0
    for opens, closes in spans:
        at, values = opens, _NONE
        while position < len(rows) and rows[position][0] < closes:
            changed, becomes = rows[position]
            position += 1
            if changed < opens:
                continue
            steps.add(max(at, begin), min(changed, stop), values)
            at, values = changed, becomes
        steps.add(max(at, begin), min(closes, stop), values)


def _add_rollups(
    steps: _Steps, queue: Queue, source: Source, begin: int, stop: int, spans: Sequence[Span]
) -> None:
    """Add rollups up to where they are filled, and every change from there on. Between rollups,
    the last closing values stay valid."""
    width = WIDTH[source]
    averages = ", ".join(f"{kind}_avg" for kind in KINDS)
    most = ", ".join(f"{kind}_max" for kind in KINDS)
    last = ", ".join(f"{kind}_last" for kind in KINDS)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT extract(epoch FROM done_until)::bigint FROM vhosts_rollupmark WHERE name = %s",
            [f"rates_{source}"],
        )
        mark = cursor.fetchone()
        filled = max(begin, min(mark[0], stop - stop % width)) if mark else begin
        cursor.execute(
            f"""
            (SELECT extract(epoch FROM bucket_at)::bigint, known_s, {averages}, {most}, {last}
             FROM {_TABLE[source]} WHERE queue_id = %(queue)s AND bucket_at < %(from)s
             ORDER BY bucket_at DESC LIMIT 1)
            UNION ALL
            (SELECT extract(epoch FROM bucket_at)::bigint, known_s, {averages}, {most}, {last}
             FROM {_TABLE[source]} WHERE queue_id = %(queue)s
             AND bucket_at >= %(from)s AND bucket_at < %(to)s)
            """,  # noqa: S608 – no part of it comes from outside
            {"queue": queue.pk, "from": moment(begin), "to": moment(filled)},
        )
        rows = sorted(cursor.fetchall())
    count = len(KINDS)
    closing: list[tuple[int, Values]] = []
    quiet = begin
    for at, known_s, *sums in rows:
        if at >= begin:
            _add_within(steps, closing, quiet, at, spans)
            steps.add_sums(at, known_s, sums[:count], sums[count : 2 * count])
            quiet = at + width
        closing = [(at + width, tuple(sums[2 * count :]))]
    _add_within(steps, closing, quiet, filled, spans)
    if filled < stop:
        _add_changes(steps, queue, filled, stop, spans)


class _Steps:
    """Averages and highest values over steps of equal length, which begin at multiples of it."""

    def __init__(self, start: int, end: int, step: int) -> None:
        self._first = start - start % step
        self._step = step
        self._start, self._end = start, end
        count = max(0, -(-(end - self._first) // step))
        self._known = [0.0] * count
        self._sums = [[0.0] * count for _ in KINDS]
        self._most = [[0.0] * count for _ in KINDS]

    def add(self, begin: int, end: int, values: Values) -> None:
        if values[0] is None:
            return
        begin, end = max(begin, self._start), min(end, self._end)
        while begin < end:
            position = (begin - self._first) // self._step
            cut = min(end, self._first + (position + 1) * self._step)
            self._add(position, cut - begin, values, values)
            begin = cut

    def add_sums(self, at: int, known_s: int, averages: Values, most: Values) -> None:
        position = (at - self._first) // self._step
        if known_s and 0 <= position < len(self._known):
            self._add(position, known_s, averages, most)

    def _add(self, position: int, seconds: int, averages: Values, most: Values) -> None:
        self._known[position] += seconds
        for kind, (average, highest) in enumerate(zip(averages, most, strict=True)):
            self._sums[kind][position] += (average or 0) * seconds
            self._most[kind][position] = max(self._most[kind][position], highest or 0)

    def points(self) -> list[RatePoint]:
        return [
            RatePoint(
                moment(self._first + position * self._step),
                *(self._rounded(sums[position] / known) if known else None for sums in self._sums),
                *(self._rounded(most[position]) if known else None for most in self._most),
            )
            for position, known in enumerate(self._known)
        ]

    @staticmethod
    def _rounded(rate: float) -> float:
        """Return the rate with three digits, as it was stored."""
        return float(f"{rate:.3g}")
