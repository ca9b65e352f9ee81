"""Which state a queue is in, where the broker's own word does not tell or came too late."""

from __future__ import annotations

from console.rabbitmq.cluster import ClusterView
from console.rabbitmq.types import QueueInfo

#: The node that holds the queue is down: nobody can read or write it until that node is back.
DOWN = "down"
#: Half of a replicated queue's members or more are missing: it takes and gives nothing until then.
MINORITY = "minority"


def state_of(queue: QueueInfo, view: ClusterView) -> str | None:
    """The queue's state, in RabbitMQ's words; None where it is not known.

    3.10 calls a quorum queue in minority "live" or "running", and lists no members of streams. A stream
    that is led by a dead node is in minority: with enough members it had another leader. So is every
    stream where half the cluster is down, as all of them need its majority to be coordinated.
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
