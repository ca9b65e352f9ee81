"""Mark the queues that match a noise pattern, and say what totals leave out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from accessctl.globs import Glob
from console.models import BrokerStatus
from vhosts.models import NoisePattern

#: History isn't kept for noise: it ends with an unknown depth, and begins again with the known one.
_MARK = """
WITH changed AS (
    UPDATE vhosts_queue q SET noise = n.noise
    FROM (
        SELECT q.id, q.name LIKE ANY(%(everywhere)s::text[]) OR EXISTS (
            SELECT FROM unnest(%(brokers)s::bigint[], %(patterns)s::text[]) p (broker, pattern)
            WHERE p.broker = q.broker_id AND q.name LIKE p.pattern
        ) AS noise
        FROM vhosts_queue q
        WHERE (%(broker)s::bigint IS NULL OR q.broker_id = %(broker)s) AND q.gone_at IS NULL
    ) n
    WHERE n.id = q.id AND q.noise <> n.noise
    RETURNING q.id, q.ready, q.unacked, q.noise
)
INSERT INTO vhosts_queue_recent (queue_id, at, ready, unacked)
SELECT id, %(now)s, CASE WHEN NOT noise THEN ready END, CASE WHEN NOT noise THEN unacked END
FROM changed
ON CONFLICT (queue_id, at) DO UPDATE SET ready = excluded.ready, unacked = excluded.unacked
"""


def mark_noise(
    broker_id: int | None, now: datetime, hold: Callable[[], object] | None = None
) -> int:
    """Set `Queue.noise` on one broker, or on all (None). Return how many queues changed.

    Polls update the same rows, so each broker's status is locked first; `hold` does that for an
    inventory, and verifies its claim.
    """
    by_broker: dict[int | None, list[str]] = {}
    for of, pattern in NoisePattern.objects.order_by().values_list("broker_id", "pattern"):
        by_broker.setdefault(of, []).append(Glob.like(pattern))
    everywhere = by_broker.pop(None, [])
    own = [(of, pattern) for of, patterns in by_broker.items() for pattern in patterns]
    with transaction.atomic(), connection.cursor() as cursor:
        if hold is not None:
            hold()
        else:
            locked = BrokerStatus.objects.select_for_update().order_by("pk")
            list(locked.filter(**({"pk": broker_id} if broker_id else {})).values_list("pk"))
        cursor.execute(
            _MARK,
            {
                "everywhere": everywhere,
                "brokers": [of for of, _ in own],
                "patterns": [pattern for _, pattern in own],
                "broker": broker_id,
                "now": now,
            },
        )
        return int(cursor.rowcount)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """The noise of one broker: queues, and the sums of their known depths."""

    queues: int = 0
    ready: int = 0
    unacked: int = 0


def left_out(cursor: CursorWrapper, broker_id: int) -> LeftOut:
    """Return what a broker's totals leave out. One query."""
    cursor.execute(
        "SELECT count(*), coalesce(sum(ready), 0), coalesce(sum(unacked), 0) FROM vhosts_queue"
        " WHERE broker_id = %s AND noise AND gone_at IS NULL",
        [broker_id],
    )
    queues, ready, unacked = cursor.fetchone()
    return LeftOut(queues, int(ready), int(unacked))
