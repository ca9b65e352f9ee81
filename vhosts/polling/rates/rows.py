"""Store rates and growth in the rows of queues and exchanges, where they changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.backends.utils import CursorWrapper

from console.rabbitmq.prometheus.rates import Rates
from vhosts.models import KnownSpan, RateSpan
from vhosts.polling.copying import temporary_table
from vhosts.polling.depths.rows import Slot
from vhosts.polling.inventory.quarantine import why_unfit
from vhosts.polling.rates.fallback import Published

#: Over this time, growth is computed.
GROWTH = timedelta(minutes=5)

_QUEUE = ("publish", "deliver", "ack", "redeliver", "get")
_EXCHANGE = ("in", "out", "returned", "dropped")


def hold(cursor: CursorWrapper, slot: Slot) -> bool:
    """Lock the broker's status. Return False if another poll has claimed the broker since."""
    cursor.execute(
        # No wait for the disk: what a crash of Postgres loses is polled again. Compiling (jit) takes
        # longer than the statements, whose costs the planner overestimates for many queues.
        "SELECT set_config('synchronous_commit', 'off', true), set_config('jit', 'off', true)"
        " FROM console_brokerstatus WHERE broker_id = %s AND claim = %s FOR UPDATE",
        [slot.broker_id, slot.claim],
    )
    return cursor.fetchone() is not None


def store_rates(cursor: CursorWrapper, slot: Slot, rates: Rates, *, since: datetime) -> None:
    """Store the rates between the poll at `since` and this one.

    A queue that isn't named had no traffic. If some rows couldn't be read, that isn't certain for
    names with quotes or backslashes: they are unknown.
    """
    began = _extend_span(slot, since)
    parameters: dict[str, Any] = {
        "broker": slot.broker_id,
        "at": slot.at,
        "since": since,
        "unsure": rates.unreadable > 0,
        "began": began,
        "rest": 0,
    }
    with temporary_table(cursor, "traffic", _columns(_QUEUE), _named(rates.queues.items())):
        cursor.execute(_QUEUES, parameters)
    with temporary_table(cursor, "routed", _columns(_EXCHANGE), _named(rates.exchanges.items())):
        cursor.execute(_EXCHANGES, parameters)


def forget_rates(cursor: CursorWrapper, slot: Slot, published: Published | None) -> None:
    """Set rates to unknown. The history has a gap: no span covers this time.

    Exchanges keep what the management API reports of them, if it does (`published`).
    """
    _forget(cursor, slot, "vhosts_queue", _QUEUE)
    if published is None:
        _forget(cursor, slot, "vhosts_exchange", _EXCHANGE)
        return
    found = {names: (into, out, None, None) for names, (into, out) in published.items()}
    parameters: dict[str, Any] = {
        "broker": slot.broker_id,
        "at": slot.at,
        "unsure": False,
        "rest": None,
    }
    with temporary_table(cursor, "routed", _columns(_EXCHANGE), _named(found.items())):
        cursor.execute(_EXCHANGES, parameters)


def _forget(cursor: CursorWrapper, slot: Slot, table: str, kinds: Sequence[str]) -> None:
    unknown = ", ".join(f"{kind}_rate = NULL" for kind in kinds)
    known = " OR ".join(f"{kind}_rate IS NOT NULL" for kind in kinds)
    cursor.execute(
        f"UPDATE {table} SET {unknown} WHERE broker_id = %s AND ({known})",  # noqa: S608
        [slot.broker_id],
    )


def store_growth(cursor: CursorWrapper, slot: Slot) -> None:
    """Store how each queue's depth differs from that of GROWTH ago, from the history."""
    then = slot.at - GROWTH
    known = KnownSpan.objects.filter(
        broker_id=slot.broker_id, from_at__lte=then, until_at__gt=then
    ).exists()
    cursor.execute(
        _GROWTH if known else _NO_GROWTH, {"broker": slot.broker_id, "then": then, "at": slot.at}
    )


def _columns(kinds: Sequence[str]) -> dict[str, str]:
    return {"vhost": "text", "name": "text", **{f'"{kind}"': "double precision" for kind in kinds}}


def _named(
    items: Iterable[tuple[tuple[str, str], Sequence[float | None]]],
) -> Iterator[tuple[Any, ...]]:
    return ((*names, *row) for names, row in items if why_unfit(*names) is None)


def _extend_span(slot: Slot, since: datetime) -> bool:
    """Extend the span of known rates by the time since the last poll. Return whether a span
    began."""
    spans = RateSpan.objects.filter(broker_id=slot.broker_id)
    newest = spans.order_by("-from_at").first()
    if newest is not None and newest.from_at <= since <= newest.until_at:
        spans.filter(pk=newest.pk).update(until_at=max(slot.at, newest.until_at))
        return False
    spans.update_or_create(broker_id=slot.broker_id, from_at=since, defaults={"until_at": slot.at})
    return True


#: For regular expressions of Postgres: a quote or a backslash.
_ODD_NAME = r"""(q.name ~ '["\\]' OR q.vhost ~ '["\\]')"""


def _set(kinds: Sequence[str]) -> dict[str, str]:
    return {
        "rates": ", ".join(f"q.{kind}_rate" for kind in kinds),
        "becomes": ", ".join(f'n."{kind}"' for kind in kinds),
        "new": ", ".join(
            f'CASE WHEN t.name IS NOT NULL AND NOT {{gone}} THEN t."{kind}" WHEN {{gone}} OR (%(unsure)s'
            f' AND {_ODD_NAME}) THEN NULL ELSE %(rest)s::double precision END AS "{kind}"'
            for kind in kinds
        ),
        "assign": ", ".join(f'{kind}_rate = n."{kind}"' for kind in kinds),
        "idle": " AND ".join(f"q.{kind}_rate = 0" for kind in kinds),
        "zero": " AND ".join(f'"{kind}" = 0' for kind in kinds),
        "columns": ", ".join(f'"{kind}"' for kind in kinds),
    }


_Q = _set(_QUEUE)
#: Queues that are idle and stay so aren't touched. History has a row where the rates changed,
#: except from unknown to no traffic: within a span, a queue without rows has none.
_QUEUES = f"""
WITH now AS (
    SELECT q.id, {_Q["new"].format(gone="(q.gone_at IS NOT NULL)")}, ({
    _Q["rates"].replace(", ", " + ")
}) > 0 AS had
    FROM vhosts_queue q LEFT JOIN traffic t ON t.vhost = q.vhost AND t.name = q.name
    WHERE q.broker_id = %(broker)s
      AND (t.name IS NOT NULL OR NOT ({_Q["idle"]}) OR q.publish_rate IS NULL
           OR q.gone_at IS NOT NULL OR (%(unsure)s AND {_ODD_NAME}))
      AND NOT (q.gone_at IS NOT NULL AND q.publish_rate IS NULL)
), changed AS (
    UPDATE vhosts_queue q SET {_Q["assign"]}, rates_at = %(at)s
    FROM now n
    WHERE q.id = n.id AND ({_Q["rates"]}) IS DISTINCT FROM ({_Q["becomes"]})
    RETURNING n.*
)
INSERT INTO vhosts_queue_rate (queue_id, at, {_Q["columns"]})
SELECT id, %(since)s, {_Q["columns"]} FROM changed
WHERE had OR NOT ({_Q["zero"]}) OR publish IS NULL
UNION
SELECT id, %(since)s, {_Q["columns"]} FROM now WHERE %(began)s AND publish IS NULL
ON CONFLICT (queue_id, at) DO UPDATE SET {
    ", ".join(f'"{kind}" = excluded."{kind}"' for kind in _QUEUE)
}
"""  # noqa: S608 – no part of it comes from outside

_E = _set(_EXCHANGE)
_EXCHANGES = f"""
UPDATE vhosts_exchange q SET {_E["assign"]}, rates_at = %(at)s
FROM (
    SELECT q.id, {_E["new"].format(gone="FALSE")}
    FROM vhosts_exchange q LEFT JOIN routed t ON t.vhost = q.vhost AND t.name = q.name
    WHERE q.broker_id = %(broker)s
) n
WHERE q.id = n.id AND ({_E["rates"]}) IS DISTINCT FROM ({_E["becomes"]})
"""  # noqa: S608 – no part of it comes from outside

_NO_GROWTH = """
UPDATE vhosts_queue SET growth_5m = NULL WHERE broker_id = %(broker)s AND growth_5m IS NOT NULL
"""
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
#: Most queues aren't touched: they had grown by 0, and haven't changed since.
_GROWTH = f"""
UPDATE vhosts_queue q SET growth_5m = {_GROWN}
WHERE q.broker_id = %(broker)s
  AND (q.growth_5m IS DISTINCT FROM 0 OR q.depth_changed_at > %(then)s OR q.total IS NULL)
  AND q.growth_5m IS DISTINCT FROM {_GROWN}
"""  # noqa: S608 – no part of it comes from outside
