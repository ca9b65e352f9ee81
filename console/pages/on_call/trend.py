"""The last hour of brokers, for tiles: one query for all of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import connection

from console.models import Broker

SPAN = timedelta(hours=1)
POINTS = 60
_STEP_S = SPAN.total_seconds() / POINTS
Values = list[float | None]


@dataclass(frozen=True, slots=True)
class Trend:
    """One value for each minute of the last hour, oldest first; None where nothing is known. The
    highest of each minute for ready messages, averages for rates, in messages per second."""

    ready: Values = field(default_factory=list)
    publish: Values = field(default_factory=list)
    deliver: Values = field(default_factory=list)

    @property
    def peak(self) -> float | None:
        return max((value for value in self.ready if value is not None), default=None)

    @property
    def scale(self) -> float | None:
        """The highest rate in either direction."""
        known = (value for value in (*self.publish, *self.deliver) if value is not None)
        return max(known, default=None)


_SAMPLES = """
SELECT broker_id, array_agg(round(extract(epoch FROM minute - %(start)s::timestamptz) / %(step)s)::int),
       array_agg(ready), array_agg(publish), array_agg(deliver)
FROM (
    SELECT broker_id, date_bin(%(step)s * interval '1 s', at, %(start)s::timestamptz) AS minute,
           max(ready) AS ready, avg(publish_rate) AS publish, avg(deliver_rate) AS deliver
    FROM vhosts_broker_sample
    WHERE broker_id = ANY(%(brokers)s) AND at >= %(start)s AND at <= %(now)s
    GROUP BY 1, 2
) minutes GROUP BY broker_id
"""


def trends(brokers: Sequence[Broker], now: datetime) -> dict[int, Trend]:
    """Return the last hour of each broker that answered in it, by ID."""
    if not brokers:
        return {}
    holds = {
        one.pk: math.ceil(one.status.stale_after().total_seconds() / _STEP_S) for one in brokers
    }
    with connection.cursor() as cursor:
        cursor.execute(
            _SAMPLES,
            {"brokers": list(holds), "start": now - SPAN, "now": now, "step": _STEP_S},
        )
        return {
            broker_id: Trend(*(_filled(minutes, column, holds[broker_id]) for column in columns))
            for broker_id, minutes, *columns in cursor.fetchall()
        }


def _filled(minutes: Sequence[int], values: Sequence[float | None], hold: int) -> Values:
    """Return one value a minute. A value stands for the `hold` minutes after it too: until then the
    figures of the broker count as current."""
    found: Values = [None] * POINTS
    for minute, value in sorted(zip(minutes, values, strict=True)):
        start = min(minute, POINTS - 1)
        end = min(start + hold + 1, POINTS)
        found[start:end] = [value] * (end - start)
    return found
