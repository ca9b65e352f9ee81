"""How often a rule would have fired, by the history that is stored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from console.models import Broker
from vhosts.alerts.evaluate.scan import AVERAGES
from vhosts.alerts.evaluate.scope import like
from vhosts.alerts.tables.choices import MessageType
from vhosts.alerts.tables.rules import AlertRule
from vhosts.alerts.types.registry import TYPES

#: A question that takes longer is given up.
MOST_MS = 2_000


@dataclass(frozen=True, slots=True)
class Past:
    """`fired`: how often in the last `days`, for `subjects` queues or nodes (`noun`); `by` says by
    which figures."""

    fired: int
    subjects: int
    noun: str
    by: str
    days: int


@dataclass(frozen=True, slots=True)
class _History:
    """Where a type's value is kept. `rows` is a FROM clause with its conditions; `subject` and `at`
    are columns of it. `value` is the SQL of the value over a time, `extreme` of the one that went
    furthest, for rules that fire at once. Both NULL: unknown."""

    noun: str
    by: str
    rows: str
    subject: str
    at: str
    value: str
    extreme: str
    #: The setting that says how many days of it are kept.
    kept: str


_QUEUES = """{table} h JOIN vhosts_queue q ON q.id = h.queue_id
    WHERE q.broker_id = ANY(%(brokers)s) AND q.vhost LIKE %(vhost)s AND q.name LIKE %(name)s
      AND h.bucket_at >= %(since)s"""
_NODES = """vhosts_node_sample h JOIN vhosts_node n ON n.id = h.node_id
    WHERE n.broker_id = ANY(%(brokers)s) AND h.at >= %(since)s"""


def _redelivered(which: str) -> str:
    """The redelivered share of deliveries; 0 below the least rate, as the rule counts it."""
    taken = f"coalesce(h.deliver_{which}, 0) + coalesce(h.get_{which}, 0)"
    share = f"100 * h.redeliver_{which} / nullif(greatest({taken}, h.redeliver_{which}), 0)"
    return f"CASE WHEN h.redeliver_{which} < %(least_rate)s THEN 0 ELSE {share} END"


def _of_queue(table: str, value: str, extreme: str) -> _History:
    return _History(
        "queue", "5-minute figures", _QUEUES.format(table=table), "h.queue_id", "h.bucket_at",
        value, extreme, "KEEP_ROLLUPS_5M_DAYS",
    )  # fmt: skip


def _of_node(value: str) -> _History:
    return _History(
        "node", "samples, one in 30 seconds", _NODES, "h.node_id", "h.at", value, value,
        "KEEP_SNAPSHOTS_DAYS",
    )  # fmt: skip


_HIGHEST = {
    MessageType.READY: "h.ready_max",
    MessageType.UNACKED: "h.unacked_max",
    MessageType.TOTAL: "(h.ready_max + h.unacked_max)",
}
#: Types beside queue_messages. A node that was down has samples without figures.
_HISTORIES: Mapping[str, _History] = {
    "queue_redelivery": _of_queue("vhosts_queue_rate_5m", _redelivered("avg"), _redelivered("max")),
    "node_down": _of_node("(h.mem_used IS NULL)::int"),
    "memory_used": _of_node("100.0 * h.mem_used / nullif(h.mem_limit, 0)"),
    "disk_free": _of_node("1.0 * h.disk_free / nullif(h.disk_free_limit, 0)"),
    # The limit isn't sampled: it is the one of now.
    "file_descriptors": _of_node("100.0 * h.fd_used / nullif(n.fd_total, 0)"),
}

_RUNS = """
WITH part AS (
    SELECT {subject} AS subject, {at} AS at, {over} AS over, {cleared} AS cleared FROM {rows}
), turns AS (
    -- Between the thresholds, and where nothing is known, nothing turns.
    SELECT subject, at, over, lag(over, 1, FALSE) OVER (PARTITION BY subject ORDER BY at) AS before
    FROM part WHERE over OR cleared
), runs AS (
    SELECT subject, over, at, lead(at, 1, %(now)s) OVER (PARTITION BY subject ORDER BY at) AS ends
    FROM turns WHERE over IS DISTINCT FROM before
)
SELECT count(*), count(DISTINCT subject) FROM runs
WHERE over AND ends - at >= make_interval(secs => %(for_s)s)
"""


def history_of(rule: AlertRule) -> _History | None:
    """Return where the past of the rule's type is kept; None if it isn't."""
    if rule.type != "queue_messages":
        return _HISTORIES.get(rule.type)
    message = MessageType(rule.message_type)
    return _of_queue("vhosts_queue_rollup_5m", AVERAGES[message], _HIGHEST[message])


def past_firings(
    rule: AlertRule, history: _History, brokers: Sequence[Broker], now: datetime, days: int
) -> Past:
    """Count firings. Raises OperationalError if that takes too long.

    A rule that fires at once is judged by the furthest value of each 5 minutes, others by the
    average, so a duration below 5 minutes is an estimate.
    """
    kind = TYPES[rule.type]
    limit, clear = kind.limits(rule) if kind.threshold else (0.5, 0.5)
    beyond, within = ("<", ">=") if kind.below else (">", "<=")
    value = history.value if rule.for_s else history.extreme
    days = min(days, int(getattr(settings, history.kept)))
    values: dict[str, Any] = {
        "brokers": [one.pk for one in brokers],
        "vhost": like(rule.vhost_pattern),
        "name": like(rule.queue_pattern),
        "since": now - timedelta(days=days),
        "now": now,
        "limit": limit,
        "clear": clear,
        "for_s": rule.for_s,
        **{one.name: kind.parameter(rule, one.name) for one in kind.parameters},
    }
    statement = _RUNS.format(
        subject=history.subject,
        at=history.at,
        over=f"coalesce({value} {beyond} %(limit)s, FALSE)",
        cleared=f"coalesce({history.value} {within} %(clear)s, FALSE)",
        rows=history.rows,
    )
    with transaction.atomic(), connection.cursor() as cursor:
        limit_time(cursor)
        cursor.execute(statement, values)
        fired, subjects = cursor.fetchone()
        # The limit ends with it, also within a transaction of the caller's.
        transaction.set_rollback(True)
    return Past(int(fired), int(subjects), history.noun, history.by, days)


def limit_time(cursor: Any) -> None:
    cursor.execute(f"SET LOCAL statement_timeout = {MOST_MS}")
