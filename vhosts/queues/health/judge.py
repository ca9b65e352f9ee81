"""Store the worst condition of each queue of a broker, so that lists sort and filter by it.

One statement after each inventory, in its own transaction: a failure here costs an inventory nothing.
It writes only the rows whose condition changed. Polls judge by the same SQL, but only queues of which
something changed (vhosts.polling.rates.queues).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import structlog
from django.db import Error, connection, transaction

from vhosts.queues.health import conditions as rules

log = structlog.get_logger(__name__)

#: The columns that the rules read, beside rates, growth and `undelivered_since`.
FACTS = (
    "type", "state", "node", "ready", "total", "consumers", "members", "members_online", "max_length",
    "overflow", "dead_letters", "delays",
)  # fmt: skip

_QUEUE = "q.type <> 'stream'"
_FULL = f"({_QUEUE} AND q.ready >= q.max_length)"
_HANDED_OUT = "(coalesce(q.deliver_rate, 0) + coalesce(q.get_rate, 0))"
_SURPLUS = (
    "(q.publish_rate - greatest(0,"
    " q.deliver_rate + coalesce(q.get_rate, 0) - coalesce(q.redeliver_rate, 0)))"
)
_OVERFLOWS = (
    # greatest() passes over NULL, and an unknown rate isn't 0.
    f"({_FULL} AND q.deliver_rate IS NOT NULL AND {_SURPLUS} > {rules.SURPLUS_LEAST}"
    f" AND {_SURPLUS} > {rules.SURPLUS_SHARE} * q.publish_rate)"
)
_WAITS = f"({_QUEUE} AND q.ready > 0)"
_UNATTENDED = f"({_WAITS} AND q.consumers = 0 AND NOT {_HANDED_OUT} > 0 AND q.delays IS NOT TRUE)"

#: Since when messages wait for consumers and nothing is delivered, got or acknowledged; NULL if
#: something is, or it is unknown. It counts from when this was first judged so, because rates of 0 may
#: be older than the messages and the consumers.
SINCE = f"""
(CASE WHEN {_WAITS} AND q.consumers > 0
           AND q.deliver_rate = 0 AND q.ack_rate = 0 AND coalesce(q.get_rate, 0) = 0
      THEN coalesce(q.undelivered_since, %(now)s) END)
"""

#: The same rules as in vhosts.queues.health.conditions, by the same names.
_HOLDS: dict[str, str] = {
    "losing": f"{_OVERFLOWS} AND q.overflow = 'drop-head' AND q.dead_letters IS FALSE",
    "rejecting": f"{_OVERFLOWS} AND starts_with(q.overflow, 'reject-publish')",
    "down": f"q.state IN {rules.NOT_RUNNING!r}",
    "minority": "q.state = 'minority'",
    "no_leader": "q.type = 'quorum' AND q.state <> '' AND q.node = ''",
    "stuck": f"{SINCE} <= coalesce(s.rates_at, %(now)s) - interval '{rules.STUCK_AFTER_S} s'",
    "no_consumers": f"{_UNATTENDED}"
    " AND CASE WHEN q.growth_5m IS NULL THEN q.publish_rate > 0 ELSE q.growth_5m > 0 END",
    "full": _FULL,
    "filling": f"{_QUEUE} AND q.growth_5m > 0 AND q.max_length > q.ready"
    f" AND (q.max_length - q.ready) * {rules.GROWTH_S}::numeric"
    f" <= q.growth_5m * {rules.FILLING_WITHIN_S}::numeric",
    "member_down": "q.members_online < q.members",
    "redelivering": f"q.redeliver_rate >= {rules.CHURN_LEAST}"
    f" AND q.redeliver_rate >= {rules.CHURN_SHARE} * {_HANDED_OUT}",
    "slow_consumers": f"{_QUEUE} AND q.consumers > 0 AND q.deliver_rate > 0"
    f" AND q.growth_5m >= {rules.SLOW_LEAST}"
    f" AND q.growth_5m >= {rules.SLOW_SHARE}::float8 * coalesce(q.publish_rate, 0) * {rules.GROWTH_S}",
    "growing": f"{_QUEUE} AND q.growth_5m >= {rules.GROWTH_LEAST}"
    f" AND q.growth_5m >= {rules.GROWTH_SHARE}::float8 * (q.total - q.growth_5m)",
    "flow": "q.state = 'flow'",
    "unconsumed": _UNATTENDED,
    rules.WELL: "q.ready IS NOT NULL AND q.state <> ''",
}
_WHEN = "\n".join(f"WHEN {holds} THEN '{name}'" for name, holds in _HOLDS.items())

#: Polls and inventories lock the same row before they write queues, so that none waits for another
#: in a circle. Nor does this wait for the disk: what a crash loses is judged again. Compiling (jit)
#: takes longer than the statement.
_HOLD = """
SELECT set_config('synchronous_commit', 'off', true), set_config('jit', 'off', true)
FROM console_brokerstatus
WHERE broker_id = %(broker)s FOR UPDATE
"""
#: The worst condition of a queue `q` of a broker with the status `s`.
WORST = f"CASE {_WHEN} ELSE '{rules.UNKNOWN}' END"
#: Without a join of the table with itself: most rows don't change, and each poll reads all of them.
_JUDGE = f"""
UPDATE vhosts_queue q
SET condition = {WORST}, undelivered_since = {SINCE},
    condition_since = CASE WHEN q.condition = {WORST} THEN q.condition_since ELSE %(now)s END
FROM console_brokerstatus s
WHERE q.broker_id = %(broker)s AND q.gone_at IS NULL AND s.broker_id = q.broker_id
  AND (q.condition, q.undelivered_since) IS DISTINCT FROM ({WORST}, {SINCE})
"""  # noqa: S608 – no part of it comes from outside


def judge_queues(broker_id: int, now: datetime) -> int:
    """Store the worst condition of each queue. Return how many rows changed; 0 if Postgres refused."""
    parameters: dict[str, Any] = {"broker": broker_id, "now": now}
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_HOLD, parameters)
            cursor.execute(_JUDGE, parameters)
            return int(cursor.rowcount)
    except Error:
        log.warning("queues_not_judged", broker_id=broker_id, exc_info=True)
        return 0
