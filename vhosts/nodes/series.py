"""Read a node's figures over time. None where nothing is known."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import connection

from vhosts.history.grid import moment, seconds_of, step_of
from vhosts.nodes.keep import SAMPLE_EVERY
from vhosts.nodes.model import Node

#: Columns of NodeSample, all averaged.
COLUMNS = (
    "mem_used", "mem_limit", "disk_free", "disk_free_limit", "fd_used", "sockets_used", "proc_used", "run_queue",
    "gc_rate", "switch_rate", "read_bytes_rate", "write_bytes_rate", "link_bytes_rate",
)  # fmt: skip
Series = dict[str, list[Any]]


def node_series(node: Node, *, start: datetime, end: datetime, now: datetime) -> Series:
    """Return the columns of NodeSample and `at` in Unix seconds, from `start` to `end`, at most to
    `now`. A step between two polls has the value of the last one; a longer pause is a gap. Raises
    InvalidField."""
    begin, stop = seconds_of(start, end, now)
    pause = max(int(SAMPLE_EVERY.total_seconds()), node.broker.poll_interval_s)
    step = step_of(begin, stop, None, least=pause)
    first = begin - begin % step
    found = _averages(node, first, stop, step)
    series: Series = {name: [] for name in ("at", *COLUMNS)}
    last: tuple[Any, ...] = (None,) * len(COLUMNS)
    last_at = None
    for at in range(first, stop, step):
        if at in found:
            last, last_at = found[at], at
        elif last_at is None or at - last_at > 2 * pause:
            last = (None,) * len(COLUMNS)
        series["at"].append(at)
        for name, value in zip(COLUMNS, last, strict=True):
            series[name].append(value)
    return series


def points_of(
    node: Node, column: str, *, start: datetime, end: datetime
) -> list[tuple[datetime, float | None]]:
    """Return one column as points, averaged over minutes. `column` is one of COLUMNS."""
    position = COLUMNS.index(column)
    found = _averages(node, int(start.timestamp()), int(end.timestamp()), 60)
    return [(moment(at), values[position]) for at, values in sorted(found.items())]


def _averages(node: Node, begin: int, stop: int, step: int) -> dict[int, tuple[Any, ...]]:
    averages = ", ".join(f"avg({name})::float" for name in COLUMNS)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT extract(epoch FROM date_bin(make_interval(secs => %(step)s), at, 'epoch'))::bigint,
                   {averages}
            FROM vhosts_node_sample
            WHERE node_id = %(node)s AND at >= %(from)s AND at < %(to)s
            GROUP BY 1
            """,  # noqa: S608 – names of our own
            {"step": step, "node": node.pk, "from": moment(begin), "to": moment(stop)},
        )
        return {row[0]: row[1:] for row in cursor.fetchall()}
