"""What a dead node means for a queue, as sentences. Nothing here calls a broker."""

from __future__ import annotations

from datetime import datetime

from console.faces.templatetags._text import ages_ago, grouped
from console.models import BrokerStatus
from console.rabbitmq.cluster import nodes_are_down
from console.rabbitmq.queue_states import DOWN, MINORITY
from vhosts.models import Queue


def outage_of(queue: Queue, status: BrokerStatus) -> str:
    """Return why the queue is down, in minority or without a depth; "" if no node is known to be
    down and the broker doesn't report that the queue is."""
    if queue.gone_at is not None:
        return ""
    cluster = status.cluster()
    if queue.state == DOWN:
        named = {queue.node} & cluster.down or cluster.down
        return nodes_are_down(named) if named else "The node that hosts it is down."
    if queue.state == MINORITY:
        cause = f" {nodes_are_down(cluster.down)}" if cluster.down else ""
        return f"Too few of its members are online.{cause}"
    return "" if queue.ready is not None else cluster.why_not_whole if cluster.known else ""


def last_known(queue: Queue, now: datetime) -> str:
    """Return a sentence such as: Last known depth 312, 4 min ago. "" if it was never known, or is
    known now."""
    if queue.ready is not None or queue.last_ready is None or queue.last_depth_at is None:
        return ""
    depth = grouped(queue.last_ready + (queue.last_unacked or 0))
    age = ages_ago(max(0, int((now - queue.last_depth_at).total_seconds())))
    return f"Last known depth {depth}, {age}."
