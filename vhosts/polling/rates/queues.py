"""Store rates, growth and the worst condition in the rows of queues, where they changed.

One statement for all three: each row is written at most once, and only rows are judged of which
something may have changed. An inventory judges all of them (vhosts.queues.health.judge).
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from django.db.backends.utils import CursorWrapper

from console.rabbitmq.prometheus.rates import Rates
from vhosts.models import KnownSpan
from vhosts.polling.depths.rows import Slot
from vhosts.polling.rates.rows import ODD_NAME, arrays, extend_span, listed, new_rate
from vhosts.queues.health.judge import FACTS, SINCE, WORST

#: Over this time, growth is computed.
GROWTH = timedelta(minutes=5)

_KINDS = ("publish", "deliver", "ack", "redeliver", "get")

#: What becomes of a figure: computed anew, unknown, or left as it is.
Fate = Literal["new", "unknown", "kept"]


@dataclass(frozen=True)
class Traffic:
    """What a poll found out about rates. `rates` None: they are unknown. `since` is when the poll
    ran with which the counters were compared."""

    rates: Rates | None
    since: datetime | None


def store_queues(
    cursor: CursorWrapper,
    slot: Slot,
    traffic: Traffic | None,
    *,
    depths_read: bool,
    now: datetime,
) -> None:
    """Store what changed of rates, growth and conditions. Without `traffic`, the rates stay as they
    are; without depths, so does the growth.

    Growth is how a depth differs from that of GROWTH ago, by the history. A queue without traffic in
    `rates` had none. If some rows couldn't be read, that isn't certain for names with quotes or
    backslashes: they are unknown.
    """
    then = slot.at - GROWTH
    parameters: dict[str, Any] = {
        "broker": slot.broker_id,
        "at": slot.at,
        "then": then,
        "now": now,
        "rest": 0,
    }
    growth: Fate = "kept"
    if depths_read:
        spans = KnownSpan.objects.filter(broker_id=slot.broker_id, from_at__lte=then)
        growth = "new" if spans.filter(until_at__gt=then).exists() else "unknown"
    rates: Fate = "kept"
    began = False
    if traffic is not None:
        rates = "unknown"
        if traffic.rates is not None and traffic.since is not None:
            rates = "new"
            began = extend_span(slot, traffic.since)
            parameters.update(
                since=traffic.since,
                unsure=traffic.rates.unreadable > 0,
                **arrays(_KINDS, traffic.rates.queues.items()),
            )
    cursor.execute(_statement(rates, growth), parameters)
    if began:
        cursor.execute(_UNKNOWN_FROM_THE_START, parameters)


#: A queue that hasn't changed since then has grown by 0. One that wasn't there has grown from 0.
_GROWN = """
CASE WHEN q.gone_at IS NOT NULL OR q.total IS NULL THEN NULL
     WHEN q.depth_changed_at <= %(then)s THEN 0
     WHEN q.first_seen_at > %(then)s THEN q.total
     ELSE q.total - (
        (SELECT ready + unacked FROM vhosts_queue_recent
         WHERE queue_id = q.id AND at <= %(then)s ORDER BY at DESC LIMIT 1)
        UNION ALL
        (SELECT ready + unacked FROM vhosts_queue_snapshot
         WHERE queue_id = q.id AND at <= %(then)s ORDER BY at DESC LIMIT 1)
        UNION ALL
        (SELECT ready_last + unacked_last FROM vhosts_queue_rollup_1h
         WHERE queue_id = q.id AND bucket_at <= %(then)s - interval '1 h'
         ORDER BY bucket_at DESC LIMIT 1)
        LIMIT 1
     ) END
"""

_IDLE = " AND ".join(f"q.{kind}_rate = 0" for kind in _KINDS)
_ANY_RATE = " OR ".join(f"q.{kind}_rate IS NOT NULL" for kind in _KINDS)
_NEW_RATES: dict[Fate, list[str]] = {
    "new": [new_rate(kind, gone="q.gone_at IS NOT NULL") for kind in _KINDS],
    "unknown": ["NULL::double precision" for _ in _KINDS],
    "kept": [f"q.{kind}_rate" for kind in _KINDS],
}
_NEW_GROWTH: dict[Fate, str] = {
    "new": _GROWN,
    "unknown": "NULL::bigint",
    "kept": "q.growth_5m",
}
#: Rows whose rates may change: not those that were idle and stay so, nor gone ones without rates.
_RATES_MAY_CHANGE: dict[Fate, str] = {
    "new": f"(q.gone_at IS NULL AND (t.name IS NOT NULL OR NOT ({_IDLE}) OR q.publish_rate IS NULL"
    f" OR (%(unsure)s AND {ODD_NAME})) OR q.gone_at IS NOT NULL AND q.publish_rate IS NOT NULL)",
    "unknown": f"({_ANY_RATE})",
    "kept": "FALSE",
}
#: Most queues had grown by 0, and haven't changed since.
_GROWTH_MAY_CHANGE: dict[Fate, str] = {
    "new": "q.growth_5m <> 0"
    " OR (q.growth_5m IS NULL) <> (q.gone_at IS NOT NULL OR q.total IS NULL)",
    "unknown": "q.growth_5m IS NOT NULL",
    "kept": "FALSE",
}
#: Beside rates and growth, a condition follows from the depth, and from how long messages wait. All
#: else that it follows from is set by inventories, which judge every queue.
_JUDGED_ANEW = "q.undelivered_since IS NOT NULL OR q.depth_changed_at > %(then)s"


_HAD = " + ".join(f"n.old_{kind}" for kind in _KINDS)
_ZERO = " AND ".join(f"n.{kind}_rate = 0" for kind in _KINDS)
_INTO_HISTORY = f"INSERT INTO vhosts_queue_rate (queue_id, at, {', '.join(_KINDS)})"
#: History has a row where the rates changed, except from unknown to no traffic: within a span, a
#: queue without rows has none.
_HISTORY = f"""
{_INTO_HISTORY}
SELECT id, %(since)s, {", ".join(f"{kind}_rate" for kind in _KINDS)} FROM changed WHERE into_history
ON CONFLICT (queue_id, at) DO UPDATE SET {", ".join(f"{kind} = excluded.{kind}" for kind in _KINDS)}
"""  # noqa: S608 – no part of it comes from outside
#: So those that are unknown need one where a span begins.
_UNKNOWN_FROM_THE_START = f"""
{_INTO_HISTORY}
SELECT id, %(since)s, {", ".join("NULL::double precision" for _ in _KINDS)} FROM vhosts_queue
WHERE broker_id = %(broker)s AND gone_at IS NULL AND publish_rate IS NULL
ON CONFLICT (queue_id, at) DO NOTHING
"""  # noqa: S608 – no part of it comes from outside


@functools.cache
def _statement(rates: Fate, growth: Fate) -> str:
    new_rates = ", ".join(
        f"{sql} AS {kind}_rate" for kind, sql in zip(_KINDS, _NEW_RATES[rates], strict=True)
    )
    old_rates = ", ".join(f"q.{kind}_rate AS old_{kind}" for kind in _KINDS)
    traffic = f"LEFT JOIN {listed(_KINDS)} ON t.vhost = q.vhost AND t.name = q.name"
    becomes = ", ".join(f"q.{kind}_rate" for kind in _KINDS)
    were = ", ".join(f"q.old_{kind}" for kind in _KINDS)
    # OFFSET 0: so that Postgres computes each expression once, instead of wherever it is used.
    return f"""
WITH changed AS (
    UPDATE vhosts_queue q
    SET {", ".join(f"{kind}_rate = n.{kind}_rate" for kind in _KINDS)}, growth_5m = n.growth_5m,
        rates_at = CASE WHEN n.rates_change AND {rates == "new"} THEN %(at)s ELSE n.rates_at END,
        condition = n.worst, undelivered_since = n.since,
        condition_since = CASE WHEN n.condition = n.worst THEN n.condition_since ELSE %(now)s END
    FROM (
        SELECT q.*, ({becomes}) IS DISTINCT FROM ({were}) AS rates_change,
            CASE WHEN q.gone_at IS NULL THEN {WORST} ELSE q.condition END AS worst,
            CASE WHEN q.gone_at IS NULL THEN {SINCE} ELSE q.undelivered_since END AS since
        FROM (
            SELECT q.id, {", ".join(f"q.{fact}" for fact in FACTS)}, q.gone_at, q.condition,
                q.condition_since, q.undelivered_since, q.rates_at, {new_rates}, {old_rates},
                {_NEW_GROWTH[growth]} AS growth_5m, q.growth_5m AS old_growth
            FROM vhosts_queue q {traffic if rates == "new" else ""}
            WHERE q.broker_id = %(broker)s
              AND ({_RATES_MAY_CHANGE[rates]} OR {_GROWTH_MAY_CHANGE[growth]} OR {_JUDGED_ANEW})
            OFFSET 0
        ) q, console_brokerstatus s
        WHERE s.broker_id = %(broker)s
        OFFSET 0
    ) n
    WHERE q.id = n.id
      AND (n.rates_change OR n.growth_5m IS DISTINCT FROM n.old_growth OR n.worst <> n.condition
           OR n.since IS DISTINCT FROM n.undelivered_since)
    RETURNING n.*, n.rates_change AND (NOT ({_ZERO}) OR n.publish_rate IS NULL OR {_HAD} > 0)
        AS into_history
)
{_HISTORY if rates == "new" else "SELECT"}
"""  # noqa: S608 – no part of it comes from outside
