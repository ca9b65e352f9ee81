"""Types about queues and exchanges, read from their rows in one pass over the table."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection

from vhosts.alerts.tables.choices import SubjectKind
from vhosts.alerts.tables.rules import AlertRule
from vhosts.alerts.types.declare import (
    EXCHANGES,
    PATTERNS,
    QUEUES,
    Columns,
    Parameter,
    RuleType,
    Seen,
)


def _count(column: str) -> str:
    """The SQL of a whole number in a sentence: 1,236."""
    return f"to_char({column}, 'FM999,999,999,999,999,990')"


def _rate(column: str, format_: str = "990.0") -> str:
    return f"to_char({column}, 'FM999,999,999,{format_}')"


_MESSAGES = f"({_count('q.ready')} || ' ready, ' || {_count('q.unacked')} || ' unacked messages')"

#: Read only for queues with many messages: `only` is evaluated first.
_UNUSUAL = """(CASE WHEN q.{messages} >= %(least)s THEN (
    SELECT q.{messages} / nullif(sum({average} * h.known_s) / nullif(sum(h.known_s), 0), 0)
    FROM vhosts_queue_rollup_1h h
    WHERE h.queue_id = q.id AND h.known_s > 0
      AND h.bucket_at >= %(now)s - interval '25 hours'
) END)"""


def why_no_depths(seen: Seen, rule: AlertRule) -> str:
    """Return why the depths of the broker's queues aren't current; "" if they are."""
    status = seen.status
    if not status.is_stale(status.depths_at, seen.now):
        return ""
    return str(status.part_errors.get("depths") or "The depths of queues aren't current.")


def why_no_consumers(seen: Seen, rule: AlertRule) -> str:
    """Return why the consumers of the broker's queues aren't known; "" if they are."""
    if seen.status.consumers_at is None:
        return "The last inventory couldn't count the consumers of queues."
    if is_old(seen, seen.status.consumers_at):
        return "The consumers of queues weren't counted for some time."
    return why_no_depths(seen, rule)


def is_old(seen: Seen, at: datetime) -> bool:
    """Return whether what an inventory read at `at` is out of date: three inventories are overdue."""
    took = (seen.status.inventory_took_ms or 0) / 1000
    # An inventory waits for up to 50 times as long as it took (vhosts.polling.inventory.take).
    return seen.now - at > timedelta(seconds=60 + 3 * max(settings.INVENTORY_INTERVAL_S, 50 * took))


def why_part_unknown(seen: Seen, part: str) -> str:
    """Return why a part of the inventory isn't current; "" if it is, but for rows that can't be
    read."""
    at = seen.status.part_at(part)
    if at is None:
        return "No inventory has read them yet."
    if part in seen.status.part_errors and part not in seen.status.left_out:
        return str(seen.status.part_errors[part])
    return "The last inventory is out of date." if is_old(seen, at) else ""


def _why_no_rates(table: str, what: str, seen: Seen) -> str:
    """Rows of which the rates didn't change aren't written, so the newest row says how old all
    are."""
    if seen.status.rates_unknown:
        return seen.status.rates_unknown
    at = seen.status.rates_at
    if at is None:
        at, rows = _newest_rates(table, seen)
        if not rows:
            return ""
    # Rates span two polls.
    patience = seen.status.stale_after() + timedelta(seconds=seen.broker.poll_interval_s)
    return "" if at and seen.now - at <= patience else f"The rates of {what} aren't known now."


def _newest_rates(table: str, seen: Seen) -> tuple[datetime | None, int]:
    """Return the time of the newest rates in a table, and the number of its rows."""
    name = f"rates {table}"
    if name not in seen.read:
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT max(rates_at), count(*) FROM {table} WHERE broker_id = %s",  # noqa: S608
                [seen.broker.pk],
            )
            seen.read[name] = cursor.fetchone()
    found: tuple[datetime | None, int] = seen.read[name]
    return found


def why_no_queue_rates(seen: Seen, rule: AlertRule) -> str:
    return _why_no_rates(QUEUES, "queues", seen)


def why_no_exchange_rates(seen: Seen, rule: AlertRule) -> str:
    return _why_no_rates(EXCHANGES, "exchanges", seen)


def _why_no_states(seen: Seen, rule: AlertRule) -> str:
    return why_part_unknown(seen, "queue")


OF_QUEUES = (
    RuleType(
        key="queue_messages",
        label="Messages in a queue",
        about=SubjectKind.QUEUE,
        measures="Messages",
        unit="messages",
        uses=PATTERNS | {"message_type"},
        columns=Columns(QUEUES, "q.{messages}", "q.{messages} IS NULL", _MESSAGES),
        why_not=why_no_depths,
    ),
    RuleType(
        key="queue_unusual",
        label="Unusually many messages",
        about=SubjectKind.QUEUE,
        measures="Messages, as a multiple of the average over a day",
        unit="x",
        uses=PATTERNS | {"message_type"},
        parameters=(Parameter("least", "From this many messages", 100, "messages"),),
        columns=Columns(
            QUEUES, _UNUSUAL, "q.{messages} IS NULL", _MESSAGES, only="q.{messages} >= %(least)s",
            arguments=("least",),
        ),
        why_not=why_no_depths,
    ),
    RuleType(
        key="queue_growth",
        label="Queue grows",
        about=SubjectKind.QUEUE,
        measures="Messages more than 5 minutes ago",
        unit="messages",
        uses=PATTERNS,
        columns=Columns(
            QUEUES, "q.growth_5m", "q.growth_5m IS NULL",
            f"('Grew by ' || {_count('q.growth_5m')} || ' messages in 5 minutes to ' || {_count('q.total')})",
        ),
        why_not=why_no_depths,
    ),
    RuleType(
        key="queue_no_consumers",
        label="Messages without consumers",
        about=SubjectKind.QUEUE,
        measures="Messages in a queue without consumers",
        unit="messages",
        uses=PATTERNS,
        columns=Columns(
            QUEUES, "q.total", "q.total IS NULL OR q.consumers IS NULL",
            f"({_count('q.total')} || ' messages, no consumers')",
            # A stream keeps its messages whoever reads them.
            only="q.consumers = 0 AND q.type <> 'stream'",
        ),
        why_not=why_no_consumers,
    ),
    RuleType(
        key="queue_consumers",
        label="Too many consumers of a queue",
        about=SubjectKind.QUEUE,
        measures="Consumers",
        unit="consumers",
        uses=PATTERNS,
        columns=Columns(
            QUEUES, "q.consumers", "q.consumers IS NULL", f"({_count('q.consumers')} || ' consumers')"
        ),
        why_not=why_no_consumers,
    ),
    RuleType(
        key="queue_redelivery",
        label="Messages are redelivered",
        about=SubjectKind.QUEUE,
        measures="Redelivered share of deliveries",
        unit="%",
        uses=PATTERNS,
        parameters=(Parameter("least_rate", "From this many redeliveries a second", 1, "/s"),),
        columns=Columns(
            QUEUES,
            "(100 * q.redeliver_rate / nullif(greatest("
            "coalesce(q.deliver_rate, 0) + coalesce(q.get_rate, 0), q.redeliver_rate), 0))",
            "q.redeliver_rate IS NULL",
            f"('Redelivers ' || {_rate('q.redeliver_rate')} || '/s: consumers reject or lose them')",
            only="q.redeliver_rate >= %(least_rate)s",
            arguments=("least_rate",),
        ),
        why_not=why_no_queue_rates,
    ),
    RuleType(
        key="queue_unavailable",
        label="Queue has no leader or home",
        about=SubjectKind.QUEUE,
        measures="Unavailable",
        threshold=False,
        uses=PATTERNS,
        columns=Columns(
            QUEUES, "1", "q.state = ''", "('State: ' || q.state)",
            only="q.state IN ('down', 'minority', 'stopped', 'crashed', 'terminated')",
        ),
        why_not=_why_no_states,
    ),
    RuleType(
        key="queue_member_down",
        label="Member of a replicated queue is down",
        about=SubjectKind.QUEUE,
        measures="Members that aren't online",
        unit="members",
        uses=PATTERNS,
        columns=Columns(
            QUEUES, "(q.members - q.members_online)", "q.members IS NULL OR q.members_online IS NULL",
            "(q.members_online || ' of ' || q.members || ' members are online')",
            only="q.type IN ('quorum', 'stream')",
        ),
        why_not=_why_no_states,
    ),
    RuleType(
        key="exchange_unroutable",
        label="Unroutable messages",
        about=SubjectKind.EXCHANGE,
        measures="Messages returned or dropped a second",
        unit="/s",
        uses=PATTERNS,
        columns=Columns(
            EXCHANGES,
            "(coalesce(q.returned_rate, 0) + coalesce(q.dropped_rate, 0))",
            "q.returned_rate IS NULL AND q.dropped_rate IS NULL",
            f"('Returns ' || coalesce({_rate('q.returned_rate', '990.00')}, 'unknown')"
            f" || '/s and drops ' || coalesce({_rate('q.dropped_rate', '990.00')}, 'unknown')"
            " || '/s: no binding takes them')",
        ),
        why_not=why_no_exchange_rates,
    ),
    RuleType(
        key="exchange_quiet",
        label="Too few messages to an exchange",
        about=SubjectKind.EXCHANGE,
        measures="Messages in a second",
        unit="/s",
        below=True,
        uses=PATTERNS,
        columns=Columns(
            EXCHANGES, "q.in_rate", "q.in_rate IS NULL",
            f"({_rate('q.in_rate', '990.00')} || ' messages/s')",
        ),
        why_not=why_no_exchange_rates,
    ),
)  # fmt: skip
