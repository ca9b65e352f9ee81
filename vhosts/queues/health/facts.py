"""What the rules read of a queue: from what polls stored, or from a live reading."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from console.rabbitmq.types import QueueNow
from vhosts.models import Queue
from vhosts.queues.health.conditions import Facts


def facts_of(queue: Queue, *, now: datetime) -> Facts:
    """Return what the last poll and inventory stored."""
    since = queue.undelivered_since
    # What no poll has read since the last rates isn't known to go on.
    until = queue.broker.status.rates_at or now
    return Facts(
        type=queue.type,
        state=queue.state,
        has_leader=bool(queue.node),
        ready=queue.ready,
        unacked=queue.unacked,
        total=queue.total,
        consumers=queue.consumers,
        publish=queue.publish_rate,
        deliver=queue.deliver_rate,
        ack=queue.ack_rate,
        redeliver=queue.redeliver_rate,
        get=queue.get_rate,
        growth=queue.growth_5m,
        undelivered_s=None if since is None else max(0.0, (until - since).total_seconds()),
        members=queue.members,
        online=queue.members_online,
        max_length=queue.max_length,
        overflow=queue.overflow,
        dead_letters=queue.dead_letters,
        delays=queue.delays,
    )


def facts_now(stored: Facts, live: QueueNow) -> Facts:
    """Return the stored facts with what the broker said just now. What it leaves out stays as stored."""
    depth = live.depth
    count = len(live.consumers) if live.consumers is not None else depth.consumers
    facts = replace(
        stored,
        ready=depth.ready if depth.ready is not None else stored.ready,
        unacked=depth.unacked if depth.unacked is not None else stored.unacked,
        total=depth.total if depth.total is not None else stored.total,
        consumers=count if count is not None else stored.consumers,
    )
    if live.info.members:
        online = set(live.info.online or live.info.members) & set(live.info.members)
        facts = replace(facts, members=len(live.info.members), online=len(online))
    if live.publish_rate is None and live.deliver_rate is None:
        return facts
    return replace(
        facts,
        # A broker that reports some rates had no traffic of the others.
        publish=live.publish_rate or 0.0,
        deliver=live.deliver_rate or 0.0,
        ack=live.ack_rate or 0.0,
        redeliver=live.redeliver_rate or 0.0,
        get=live.get_rate or 0.0,
        undelivered_s=None
        if live.deliver_rate or live.ack_rate or live.get_rate
        else stored.undelivered_s,
    )
