"""Store depths in the queue rows: changed, new and unknown ones."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.backends.utils import CursorWrapper

from console.rabbitmq.types import QueueDepth
from vhosts.polling.copying import temporary_table
from vhosts.polling.depths.found import Depths


@dataclass(frozen=True)
class Slot:
    """The poll that is being stored: its broker, claim and time, and the interval in seconds."""

    broker_id: int
    claim: int
    at: datetime
    interval_s: int

    @property
    def lateness(self) -> timedelta:
        """Two polls that are at most this far apart leave no gap in the history."""
        return timedelta(seconds=2 * self.interval_s + 5)


def store_depths(cursor: CursorWrapper, slot: Slot, depths: Depths) -> tuple[int, bool]:
    """Store the depths. Return how many queues changed, and whether queues appeared or vanished."""
    if not (depths.items or depths.vanished or depths.whole):
        return 0, False
    with temporary_table(cursor, "polled", _POLLED, map(_row, depths.items)):
        if depths.why_not_all:
            cursor.execute(_NO_ZERO_IN_MINORITY, [slot.broker_id])
        changed = _update_known(cursor, slot) if depths.items else 0
        came = gone = 0
        if depths.items and depths.new != set():
            came = _add_new(cursor, slot)
        if depths.whole:
            gone = _forget_unlisted(cursor, slot)
        elif depths.vanished:
            gone = _forget(cursor, slot, depths.vanished)
    return changed + came + gone, bool(came or gone)


#: A quorum queue without a majority has no leader that counts, so its remaining members report 0.
_NO_ZERO_IN_MINORITY = """
UPDATE polled p SET ready = NULL, unacked = NULL, total = NULL
FROM vhosts_queue q
WHERE q.broker_id = %s AND q.vhost = p.vhost AND q.name = p.name
  AND q.type = 'quorum' AND q.state = 'minority' AND p.ready = 0 AND p.unacked = 0
"""

#: When a depth becomes unknown, keep the last known depth and its time.
KEEP_LAST = """
    last_ready = CASE WHEN q.ready IS NOT NULL AND {now_unknown} THEN q.ready ELSE q.last_ready END,
    last_unacked =
        CASE WHEN q.ready IS NOT NULL AND {now_unknown} THEN q.unacked ELSE q.last_unacked END,
    last_depth_at = CASE WHEN q.ready IS NOT NULL AND {now_unknown} THEN
        (SELECT s.depths_at FROM console_brokerstatus s WHERE s.broker_id = %(broker)s)
        ELSE q.last_depth_at END
"""

#: The Prometheus plugin reports a deleted stream until its next clean-up, which runs every 2
#: minutes.
_LINGERS = "interval '3 min'"

_POLLED = {
    "vhost": "text",
    "name": "text",
    "ready": "bigint",
    "unacked": "bigint",
    "total": "bigint",
}


def _row(item: QueueDepth) -> tuple[str, str, int | None, int | None, int | None]:
    return item.vhost, item.name, item.ready, item.unacked, item.total


#: Runs after each change of depth. Noise has no history, and its coming and going isn't counted.
#: If the clock was set back, a row for the same time may exist.
_AND_KEEP = """
INSERT INTO vhosts_queue_recent (queue_id, at, ready, unacked)
SELECT id, %(at)s, ready, unacked FROM changed WHERE NOT noise
ON CONFLICT (queue_id, at) DO UPDATE SET ready = excluded.ready, unacked = excluded.unacked
"""


def _keep(cursor: CursorWrapper, changing: str, slot: Slot, **more: Any) -> int:
    """Run `changing`, which returns id, ready and unacked of the queues it changed, and store a
    snapshot of each. Return their number."""
    cursor.execute(
        f"WITH changed AS ({changing}) {_AND_KEEP}",
        {"broker": slot.broker_id, "at": slot.at, **more},
    )
    return int(cursor.rowcount)


def _update_known(cursor: CursorWrapper, slot: Slot) -> int:
    """Update known queues. A queue that was gone and is listed again keeps its row. If its depth
    is the same as when it went, only an inventory brings it back."""
    return _keep(
        cursor,
        f"""
        UPDATE vhosts_queue q SET ready = p.ready, unacked = p.unacked, total = p.total,
               depth_changed_at = %(at)s, gone_at = NULL,
               {KEEP_LAST.format(now_unknown="p.ready IS NULL")}
        FROM polled p
        WHERE q.broker_id = %(broker)s AND q.vhost = p.vhost AND q.name = p.name
          AND (q.ready, q.unacked, q.total, q.gone_at)
              IS DISTINCT FROM (p.ready, p.unacked, p.total, NULL::timestamptz)
          AND NOT (q.gone_at IS NOT NULL AND q.gone_at > %(at)s - {_LINGERS}
                   AND (p.ready, p.unacked) IS NOT DISTINCT FROM (q.last_ready, q.last_unacked))
        RETURNING q.id, q.ready, q.unacked, q.noise
        """,  # noqa: S608 – no part of it comes from outside
        slot,
    )


def _add_new(cursor: CursorWrapper, slot: Slot) -> int:
    return _keep(
        cursor,
        """
        INSERT INTO vhosts_queue (broker_id, vhost, name, type, state, node, arguments, policy,
               operator_policy, first_seen_at, ready, unacked, total, depth_changed_at)
        SELECT %(broker)s, p.vhost, p.name, '', '', '', '{}', '', '', %(at)s,
               p.ready, p.unacked, p.total, %(at)s
        FROM polled p
        WHERE NOT EXISTS (SELECT FROM vhosts_queue q WHERE q.broker_id = %(broker)s
                          AND q.vhost = p.vhost AND q.name = p.name)
        ON CONFLICT DO NOTHING
        RETURNING id, ready, unacked, noise
        """,
        slot,
    )


#: The depth of a queue that wasn't listed is unknown. Only an inventory decides that it is gone.
_UNKNOWN = f"""
UPDATE vhosts_queue q SET ready = NULL, unacked = NULL, total = NULL, consumers = NULL,
       depth_changed_at = %(at)s, {KEEP_LAST.format(now_unknown="TRUE")}
WHERE q.broker_id = %(broker)s AND (q.ready IS NOT NULL OR q.unacked IS NOT NULL)
"""  # noqa: S608 – no part of it comes from outside


def _forget_unlisted(cursor: CursorWrapper, slot: Slot) -> int:
    return _keep(
        cursor,
        f"{_UNKNOWN} AND NOT EXISTS"
        " (SELECT FROM polled p WHERE p.vhost = q.vhost AND p.name = q.name)"
        " RETURNING q.id, q.ready, q.unacked, q.noise",
        slot,
    )


def _forget(cursor: CursorWrapper, slot: Slot, names: Collection[tuple[str, str]]) -> int:
    return _keep(
        cursor,
        f"{_UNKNOWN} AND (q.vhost, q.name) IN"  # noqa: S608 – no part of it comes from outside
        " (SELECT * FROM unnest(%(vhosts)s::text[], %(names)s::text[]))"
        " RETURNING q.id, q.ready, q.unacked, q.noise",
        slot,
        vhosts=[vhost for vhost, _ in names],
        names=[name for _, name in names],
    )
