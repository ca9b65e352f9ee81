"""Metrics of single queues for Prometheus, for the names that CONSOLE_METRICS_QUEUES matches.

They are read from Postgres with a server-side cursor and written line by line, so the size of the
answer costs no memory. An unknown figure has no sample, never a zero. Noise has none at all.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import F, Q, QuerySet

from vhosts.models import Queue

#: Name, help, and column. Each family is one query.
_FAMILIES = (
    ("warren_queue_messages_ready", "Ready messages.", "ready"),
    ("warren_queue_messages_unacked", "Unacknowledged messages.", "unacked"),
    ("warren_queue_consumers", "Consumers at the last inventory.", "consumers"),
    ("warren_queue_publish_rate", "Messages published per second.", "publish_rate"),
    ("warren_queue_deliver_rate", "Messages delivered to consumers per second.", "deliver_rate"),
    ("warren_queue_ack_rate", "Messages acknowledged per second.", "ack_rate"),
    ("warren_queue_redeliver_rate", "Messages redelivered per second.", "redeliver_rate"),
)
#: Ages of the figures above: name, help, and column.
_AGES = (
    (
        "warren_queue_reading_age_seconds",
        "Seconds since the depth was read.",
        "broker__status__depths_at",
    ),
    (
        "warren_queue_rates_age_seconds",
        "Seconds since the rates were read.",
        "broker__status__rates_at",
    ),
)
_CHUNK = 2_000
_ESCAPED = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def queue_lines(now: datetime) -> Iterator[str]:
    """Yield the text format, line by line; nothing without a pattern. At most
    CONSOLE_METRICS_QUEUES_MOST queues, the first by broker, virtual host and name; the metric
    warren_queues_left_out counts the others."""
    patterns: list[str] = settings.METRICS_QUEUES
    if not patterns:
        return
    rows = _rows(patterns)
    most: int = settings.METRICS_QUEUES_MOST
    left_out = max(0, rows.count() - most)
    yield "# HELP warren_queues_left_out Queues that match, beyond the limit of the metrics.\n"
    yield "# TYPE warren_queues_left_out gauge\n"
    yield f"warren_queues_left_out {left_out}\n"
    for name, about, column in _FAMILIES:
        yield f"# HELP {name} {about}\n# TYPE {name} gauge\n"
        for *place, value in _values(rows, most, column):
            if value is not None:
                yield f"{name}{{{_labels(*place)}}} {float(value)!r}\n"
    for name, about, column in _AGES:
        yield f"# HELP {name} {about}\n# TYPE {name} gauge\n"
        for *place, at in _values(rows, most, column):
            if at is not None:
                yield f"{name}{{{_labels(*place)}}} {max((now - at).total_seconds(), 0)!r}\n"


def _rows(patterns: list[str]) -> QuerySet[Queue]:
    among = Q()
    for pattern in patterns:
        among |= Q(name__glob=pattern)
    rows = Queue.objects.present().filter(among, noise=False, broker__enabled=True)
    return rows.order_by("broker__name", "vhost", "name")


def _values(rows: QuerySet[Queue], most: int, column: str) -> Iterator[tuple[Any, ...]]:
    # Depth and rates of a queue stay in its row while its broker is silent; the ages tell.
    chosen = rows.annotate(_value=F(column))[:most]
    return chosen.values_list("broker__name", "vhost", "name", "_value").iterator(_CHUNK)


def _labels(broker: str, vhost: str, queue: str) -> str:
    return ",".join(
        f'{label}="{value.translate(_ESCAPED)}"'
        for label, value in (("broker", broker), ("vhost", vhost), ("queue", queue))
    )
