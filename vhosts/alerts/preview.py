"""How often a rule would have fired: over stored history, and right now."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import OperationalError, connection, transaction

from accessctl.authorize import AnyUser
from accessctl.reach import reach_of
from accessctl.rights import Permission
from console.models import Broker, BrokerStatus
from vhosts.alerts.evaluate.collect import collect
from vhosts.alerts.evaluate.scan import AVERAGES
from vhosts.alerts.evaluate.scope import Active, like
from vhosts.alerts.tables.choices import MessageType
from vhosts.alerts.tables.rules import AlertRule
from vhosts.alerts.types.declare import Seen
from vhosts.alerts.types.registry import TYPES

#: A preview that takes longer is given up.
_MOST_MS = 2_000
_MOST_BROKERS = 50


@dataclass(frozen=True, slots=True)
class Preview:
    """What a rule would do. `holds_now`: for how many subjects its condition holds now.
    `fired`: how often it would have fired since `since`, for `subjects` queues; None with
    `why_not` if that can't be told. `not_evaluated`: (broker's name, why) where it can't be
    evaluated now."""

    holds_now: int | None
    not_evaluated: Sequence[tuple[str, str]]
    since: datetime
    fired: int | None = None
    subjects: int | None = None
    why_not: str = ""


def preview(
    rule: AlertRule, brokers: Sequence[Broker], user: AnyUser, now: datetime, days: int = 7
) -> Preview:
    """Preview an unsaved or stored rule; nothing is written. Only brokers and virtual hosts that the
    user's grants cover count. `brokers`: those of the rule, none for all of its environment."""
    kind = TYPES.get(rule.type)
    since = now - timedelta(days=days)
    if kind is None or kind.of_console is not None:
        return Preview(None, (), since, why_not="Rules about the console have no preview.")
    reach = reach_of(user)
    rows = Broker.objects.filter(reach.brokers(Permission.ALERTS_VIEW))
    if rule.environment:
        rows = rows.filter(environment=rule.environment)
    if brokers:
        rows = rows.filter(pk__in=[one.pk for one in brokers])
    covered = [
        one
        for one in rows.filter(enabled=True).order_by("name")[: _MOST_BROKERS + 1]
        if reach.covers_each(Permission.ALERTS_VIEW, one, [rule.vhost_pattern])
    ]
    if len(covered) > _MOST_BROKERS:
        return Preview(
            None, (), since, why_not=f"A preview covers at most {_MOST_BROKERS} brokers."
        )
    try:
        holds, not_evaluated = _now(rule, covered, now)
        if kind.key != "queue_messages":
            return Preview(
                holds, not_evaluated, since,
                why_not="Past firings are previewed only for messages in queues.",
            )  # fmt: skip
        fired, subjects = _past(rule, covered, since, now)
    except OperationalError:
        return Preview(
            None, (), since, why_not="Too many queues match. Select fewer brokers or a pattern."
        )
    return Preview(holds, not_evaluated, since, fired, subjects)


def _now(
    rule: AlertRule, brokers: Sequence[Broker], now: datetime
) -> tuple[int, list[tuple[str, str]]]:
    """Evaluate the rule as a poll does, and keep nothing of it."""
    stored = copy.copy(rule)
    # No stored rule has this ID, so no incident is its own.
    stored.pk = rule.pk or 0
    active = Active(stored, TYPES[rule.type])
    holds, not_evaluated = 0, []
    for broker in brokers:
        status = BrokerStatus.objects.select_related("broker").filter(pk=broker.pk).first()
        if status is None:
            continue
        with transaction.atomic(), connection.cursor() as cursor:
            _limit(cursor)
            seen = Seen(status.broker, status, now)
            result = collect(cursor, seen, [active], now)
            holds += sum(result.found.values())
            not_evaluated += [(broker.name, why) for why in result.not_evaluated.values()]
            # Types that keep a baseline write it.
            transaction.set_rollback(True)
    return holds, not_evaluated


_PAST = """
WITH part AS (
    SELECT h.queue_id, h.bucket_at, coalesce({over}, FALSE) AS over, coalesce({cleared}, TRUE) AS cleared
    FROM vhosts_queue_rollup_5m h JOIN vhosts_queue q ON q.id = h.queue_id
    WHERE q.broker_id = ANY(%(brokers)s) AND q.vhost LIKE %(vhost)s AND q.name LIKE %(name)s
      AND h.bucket_at >= %(since)s
), turns AS (
    -- Between the thresholds nothing turns: only rows that are over or cleared count.
    SELECT queue_id, bucket_at, over,
           lag(over, 1, FALSE) OVER (PARTITION BY queue_id ORDER BY bucket_at) AS before
    FROM part WHERE over OR cleared
), runs AS (
    SELECT queue_id, over, bucket_at,
           lead(bucket_at, 1, %(now)s) OVER (PARTITION BY queue_id ORDER BY bucket_at) AS ends
    FROM turns WHERE over IS DISTINCT FROM before
)
SELECT count(*), count(DISTINCT queue_id) FROM runs
WHERE over AND ends - bucket_at >= make_interval(secs => %(for_s)s)
"""


def _past(
    rule: AlertRule, brokers: Sequence[Broker], since: datetime, now: datetime
) -> tuple[int, int]:
    """Count firings in the 5-minute rollups. A bucket counts as over by its highest value if the
    rule fires at once, else by its average, so a duration below 5 minutes is an estimate."""
    limit, clear = TYPES[rule.type].limits(rule)
    average = AVERAGES[MessageType(rule.message_type)]
    highest = {
        MessageType.READY: "h.ready_max",
        MessageType.UNACKED: "h.unacked_max",
        MessageType.TOTAL: "(h.ready_max + h.unacked_max)",
    }[MessageType(rule.message_type)]
    over = f"{average if rule.for_s else highest} > %(limit)s"
    with transaction.atomic(), connection.cursor() as cursor:
        _limit(cursor)
        cursor.execute(
            _PAST.format(over=over, cleared=f"{average} <= %(clear)s"),
            {
                "brokers": [one.pk for one in brokers],
                "vhost": like(rule.vhost_pattern),
                "name": like(rule.queue_pattern),
                "since": since,
                "now": now,
                "limit": limit,
                "clear": clear,
                "for_s": rule.for_s,
            },
        )
        fired, subjects = cursor.fetchone()
        # The limit ends with it, also within a transaction of the caller's.
        transaction.set_rollback(True)
    return int(fired), int(subjects)


def _limit(cursor: object) -> None:
    cursor.execute(f"SET LOCAL statement_timeout = {_MOST_MS}")  # type: ignore[attr-defined]
