"""Handle deleted queues: their rows stay for their history, which ends in a gap."""

from __future__ import annotations

from datetime import datetime

from django.db import connection
from django.db.models import Count, F, Model, Q, Sum

from console.models import BrokerStatus
from vhosts.models import Queue
from vhosts.polling.depths.rows import KEEP_LAST
from vhosts.polling.totals import take_off


def drop_queues(model: type[Model], broker_id: int, which: Q, now: datetime) -> None:
    """Mark queues as gone. See console.faces.mirror.Mirror.drop."""
    queues = Queue.objects.present().filter(which, broker=broker_id)
    held = queues.aggregate(queues=Count("pk"), ready=Sum("ready"), unacked=Sum("unacked"))
    if not held["queues"]:
        return
    queues.update(gone_at=now)
    settle_gone_queues(broker_id, now)
    take_off(
        broker_id, queues=held["queues"], messages_ready=held["ready"],
        messages_unacked=held["unacked"],
    )  # fmt: skip
    # A running poll may have read them before they were deleted. So it must store nothing, and the
    # next one runs at once and compares all depths.
    BrokerStatus.objects.filter(broker=broker_id).update(
        claim=F("claim") + 1, claimed_until=None, next_poll_at=now, depths_claim=0
    )


def note_came_or_went(broker_id: int, now: datetime) -> None:
    """Called after an inventory that added queues or found some gone."""
    settle_gone_queues(broker_id, now)
    # The next poll compares all depths, because a revived row has none yet.
    BrokerStatus.objects.filter(broker=broker_id).update(depths_claim=0)


def settle_gone_queues(broker_id: int, now: datetime) -> None:
    """Set the depths of queues that are gone since `now` to unknown, so that their history ends in
    a gap."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH changed AS (
                UPDATE vhosts_queue q SET ready = NULL, unacked = NULL, total = NULL,
                       consumers = NULL, depth_changed_at = date_trunc('second', %(now)s),
                       {KEEP_LAST.format(now_unknown="TRUE")}
                WHERE broker_id = %(broker)s AND gone_at = %(now)s AND ready IS NOT NULL
                RETURNING id, depth_changed_at
            )
            INSERT INTO vhosts_queue_recent (queue_id, at) SELECT id, depth_changed_at FROM changed
            ON CONFLICT (queue_id, at) DO UPDATE SET ready = NULL, unacked = NULL
            """,  # noqa: S608 – no part of it comes from outside
            {"broker": broker_id, "now": now},
        )
