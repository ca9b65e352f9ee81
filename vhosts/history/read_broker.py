"""Read a broker's own figures over time. None where nothing is known."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from console.models import Broker
from vhosts.history.grid import known_spans, moment, seconds_of, step_of


class BrokerPoint(NamedTuple):
    """Averages over one step of what the broker reported at each poll. Rates are messages per
    second."""

    at: datetime
    queues: int | None
    connections: int | None
    ready: int | None
    unacked: int | None
    publish_rate: float | None
    deliver_rate: float | None


@dataclass(frozen=True, slots=True)
class BrokerSeries:
    step_s: int
    points: list[BrokerPoint]


def broker_series(
    broker: Broker, *, start: datetime, end: datetime, step_s: int | None = None, now: datetime
) -> BrokerSeries:
    """Return the broker's own figures from `start` to `end`, at most to `now`, for as long as
    snapshots are kept. A step finer than the poll interval is widened to it. Raises
    InvalidField."""
    begin, stop = seconds_of(start, end, now)
    step = max(step_of(begin, stop, step_s, least=broker.poll_interval_s), broker.poll_interval_s)
    first = begin - begin % step
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT extract(epoch FROM date_bin(make_interval(secs => %(step)s), at, 'epoch'))::bigint,
                   avg(queues), avg(connections), avg(ready), avg(unacked),
                   avg(publish_rate), avg(deliver_rate)
            FROM vhosts_broker_sample
            WHERE broker_id = %(broker)s AND at >= %(from)s AND at < %(to)s
            GROUP BY 1
            """,
            {"step": step, "broker": broker.pk, "from": moment(first), "to": moment(stop)},
        )
        found = {row[0]: row[1:] for row in cursor.fetchall()}
    spans = known_spans(broker.pk, first, stop)
    points: list[BrokerPoint] = []
    last: tuple[Any, ...] = (None,) * 6
    for at in range(first, stop, step):
        # A poll that was slightly late leaves a step without a row, but that is no gap.
        seen = any(from_at <= at < until_at for from_at, until_at in spans)
        last = found.get(at) or (last if seen else (None,) * 6)
        points.append(
            BrokerPoint(
                moment(at),
                *(None if value is None else round(value) for value in last[:4]),
                *last[4:],
            )
        )
    return BrokerSeries(step, points)
