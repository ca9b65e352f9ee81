"""Derive a queue's state if the broker's own state is missing or out of date."""

from __future__ import annotations

from console.rabbitmq.cluster import ClusterView
from console.rabbitmq.types import QueueInfo

#: The node that holds the queue is down: the queue can't be used until that node is back.
DOWN = "down"
#: Half of a replicated queue's members or more are missing: it accepts and delivers nothing until
#: they are back.
MINORITY = "minority"


def state_of(queue: QueueInfo, view: ClusterView) -> str | None:
    """Return the queue's state, in RabbitMQ's terms; None if unknown.

    3.10 calls a quorum queue in minority "live" or "running", and lists no members of streams. A
    stream that a dead node leads is in minority: with enough members it would have another leader.
    If half the cluster is down, every stream is in minority, because their coordinator needs a
    majority of nodes.
    """
    down = view.down
    if queue.members:
        online = [name for name in queue.online or queue.members if name not in down]
        if 2 * len(online) <= len(queue.members):
            return MINORITY
    elif queue.type in ("quorum", "stream"):
        if queue.node in down or (down and len(view.running) <= len(down)):
            return MINORITY
    elif queue.node in down:
        return DOWN
    return queue.state
