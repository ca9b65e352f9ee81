"""The figures of a chart, as far as the viewer may see them. The number of queries is constant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import F, Q

from accessctl.authorize import AnyUser
from accessctl.reach import Place, reach_of
from console.models import Broker
from vhosts.dashboards.charts import BEFORE, Chart
from vhosts.dashboards.sums import Column, depths, samples
from vhosts.history.grid import moment, seconds_of, step_of
from vhosts.history.steps import Span
from vhosts.models import Queue

#: Most queues that are summed up; those with most messages now come first.
MOST_QUEUES = 5_000
WEEK = timedelta(days=7)
#: Up to this length every change is read; from the second on, rollups of an hour.
_RAW_S, _HOURS_S = 6 * 3600, 14 * 86400


@dataclass(frozen=True, slots=True)
class Figures:
    """Curves by name; `at` in Unix seconds. None is a gap. `notes` say what is left out."""

    begin: int
    stop: int
    step_s: int
    at: list[int] = field(default_factory=list)
    columns: Mapping[str, Column] = field(default_factory=dict)
    notes: Sequence[str] = ()


def figures(
    user: AnyUser, chart: Chart, *, start: datetime, end: datetime, compare: bool, now: datetime
) -> Figures:
    """Return the figures from `start` to `end`, at most to `now`; with `compare` also those of a
    week before, under names with BEFORE. Raises InvalidField for an impossible range."""
    brokers = list(_brokers(user, chart))
    notes = _left_out(user, chart, brokers)
    queues: list[tuple[int, int]] = []
    if chart.is_of_queues:
        queues, more_notes = _queues(user, chart, brokers, start)
        notes += more_notes
    now_read = _read(chart, brokers, queues, start, end, now)
    if not compare:
        return _noted(now_read, notes)
    before = _read(chart, brokers, queues, start - WEEK, end - WEEK, now)
    columns = dict(now_read.columns)
    for name, values in before.columns.items():
        columns[name + BEFORE] = [
            _value_at(before, values, at - int(WEEK.total_seconds())) for at in now_read.at
        ]
    both = Figures(
        now_read.begin, now_read.stop, now_read.step_s, now_read.at, columns, now_read.notes
    )
    return _noted(both, notes)


def _noted(read: Figures, notes: Sequence[str]) -> Figures:
    found = list(dict.fromkeys([*notes, *read.notes]))
    return Figures(read.begin, read.stop, read.step_s, read.at, read.columns, found)


def _value_at(read: Figures, values: Column, at: int) -> float | None:
    place = (at - read.begin) // read.step_s
    return values[place] if 0 <= place < len(values) else None


def _brokers(user: AnyUser, chart: Chart) -> Any:
    found = Broker.objects.filter(reach_of(user).brokers(chart.right)).select_related("status")
    if chart.broker is not None:
        return found.filter(pk=chart.broker)
    return found.filter(environment=chart.environment) if chart.environment else found


def _left_out(user: AnyUser, chart: Chart, brokers: Sequence[Broker]) -> list[str]:
    """Say that something may be left out, without telling whether there is anything."""
    if chart.broker is not None and not brokers:
        return ["There is no such broker, or you can't see it."]
    reach = reach_of(user)
    if chart.is_of_queues:
        broker = brokers[0] if chart.broker is not None else None
        place = Place(
            broker=broker,
            environment="" if broker else chart.environment,
            vhost_pattern=chart.vhost,
        )
        whole = reach.covers(chart.right, place)
    else:
        whole = chart.broker is not None or reach.everything or any(
            chart.right in grant.permissions
            and grant.broker_id is None
            and grant.environment in ("", chart.environment)
            for grant in reach.grants
        )  # fmt: skip
    return [] if whole else ["Only what you can see is included."]


def _queues(
    user: AnyUser, chart: Chart, brokers: Sequence[Broker], start: datetime
) -> tuple[list[tuple[int, int]], list[str]]:
    """Return (ID, broker's ID) of the queues, and what their sum leaves out. One query."""
    found = Queue.objects.visible_to(user).filter(
        Q(gone_at=None) | Q(gone_at__gt=start - WEEK),
        broker__in=[one.pk for one in brokers],
        noise=False,
    )
    if chart.vhost.strip("*"):
        found = found.filter(vhost__glob=chart.vhost)
    if chart.queue.strip("*"):
        lookup = "glob" if "*" in chart.queue else "icontains"
        found = found.filter(**{f"name__{lookup}": chart.queue})
    ordered = found.order_by(F("total").desc(nulls_last=True), "pk")
    rows = list(ordered.values_list("pk", "broker", "ready", "gone_at")[: MOST_QUEUES + 1])
    notes = []
    if len(rows) > MOST_QUEUES:
        notes.append(f"Only the {MOST_QUEUES:,} queues with most messages now are included.")
    if unknown := sum(1 for row in rows if row[2] is None and row[3] is None):
        notes.append(f"Queues whose depth isn't known now: {unknown:,}. The sum leaves them out.")
    return [(pk, broker) for pk, broker, _, _ in rows[:MOST_QUEUES]], notes


def _read(
    chart: Chart,
    brokers: Sequence[Broker],
    queues: Sequence[tuple[int, int]],
    start: datetime,
    end: datetime,
    now: datetime,
) -> Figures:
    begin, stop = seconds_of(start, end, now)
    names = list(chart.curves)
    least = max([10, *(one.poll_interval_s for one in brokers)])
    source, width = _source(begin, stop, now) if chart.is_of_queues else ("raw", 1)
    step = max(step_of(begin, stop, None, least=min(least, 3600)), width)
    step = -(-step // width) * width
    first = begin - begin % step
    at = list(range(first, stop, step))
    involved = {broker for _, broker in queues} if chart.is_of_queues else {b.pk for b in brokers}
    spans = _spans(involved, first, stop)
    notes = []
    if unread := involved - set(spans):
        count = len(unread)
        notes.append(
            f"{count} broker{'' if count == 1 else 's'} without any known figure in this time "
            f"{'is' if count == 1 else 'are'} left out."
        )
    known = _known(spans, at, step)
    if chart.is_of_queues:
        ids = [pk for pk, broker in queues if broker in spans]
        values, unknown = depths(ids, source, width, first, stop, step, len(at))
        if most := max(
            (number for number, ok in zip(unknown, known, strict=True) if ok), default=0
        ):
            notes.append(
                f"In parts of this time, queues whose depth isn't known: up to {most:,}. The sum leaves them out."
            )
    else:
        values = samples(sorted(spans), names, first, stop, step, at)
    columns = {
        name: [value if ok else None for value, ok in zip(column, known, strict=True)]
        for name, column in zip(names, values, strict=True)
    }
    return Figures(first, stop, step, at, columns, notes)


def _source(begin: int, stop: int, now: datetime) -> tuple[str, int]:
    def kept(days: int) -> bool:
        return begin >= int((now - timedelta(days=days)).timestamp())

    if stop - begin <= _RAW_S and kept(settings.KEEP_SNAPSHOTS_DAYS):
        return "raw", 1
    if stop - begin < _HOURS_S and kept(settings.KEEP_ROLLUPS_5M_DAYS):
        return "5m", 300
    return "1h", 3600


def _spans(broker_ids: set[int], begin: int, stop: int) -> dict[int, list[Span]]:
    """Return the times over which each broker is known; brokers without any are missing."""
    found: dict[int, list[Span]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT broker_id, extract(epoch FROM from_at)::bigint, extract(epoch FROM until_at)::bigint"
            " FROM vhosts_knownspan WHERE broker_id = ANY(%s) AND from_at < %s AND until_at > %s"
            " ORDER BY from_at",
            [list(broker_ids), moment(stop), moment(begin)],
        )
        for broker_id, from_at, until_at in cursor.fetchall():
            found.setdefault(broker_id, []).append((from_at, until_at))
    return found


def _known(spans: Mapping[int, Sequence[Span]], at: Sequence[int], step: int) -> list[bool]:
    """Return for each step whether all brokers are known in a part of it: a sum over fewer would
    look like a fall."""
    if not spans or not at:
        return [False] * len(at)
    counts = [0] * len(at)
    for of_broker in spans.values():
        seen = bytearray(len(at))
        for from_at, until_at in of_broker:
            start = max(0, (from_at - at[0]) // step)
            end = min(len(at), -(-(until_at - at[0]) // step))
            for place in range(start, end):
                seen[place] = 1
        counts = [count + one for count, one in zip(counts, seen, strict=True)]
    return [count == len(spans) for count in counts]
