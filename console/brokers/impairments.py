"""Describe what is wrong with a broker that answers: what happened, and what to do."""

from __future__ import annotations

from console.models import BrokerStatus
from console.models.broker_states import IMPAIRED
from console.rabbitmq.cluster import nodes_are_down
from console.rabbitmq.text import printable

#: Most nodes of one kind named in a sentence.
_NAMED = 3


def impairment_in_words(status: BrokerStatus, state: str) -> str:
    """Return sentences for a state in IMPAIRED; "" for any other state."""
    return _WORDS[state](status) if state in IMPAIRED else ""


def _partitioned(status: BrokerStatus) -> str:
    pairs = [
        f"{node.get('name')} doesn't see {other}"
        for node in status.nodes
        if isinstance(node, dict)
        for other in node.get("partitions") or ()
    ]
    return (
        f"The cluster is partitioned: {_some(pairs)}. Each side continues by itself, and what is shown is "
        "the side that was asked. Restore the network between the nodes, then restart the nodes of the "
        "side that should lose its changes."
    )


def _node_down(status: BrokerStatus) -> str:
    view = status.cluster()
    return (
        f"{nodes_are_down(view.down)} Queues that it held are down or have fewer members. Start it, or "
        "remove it with rabbitmqctl forget_cluster_node if it won't come back."
    )


def _restricted(status: BrokerStatus) -> str:
    return str(status.part_errors.get("rights", ""))


def _draining(status: BrokerStatus) -> str:
    names = status.drained_nodes()
    word = "Node" if len(names) == 1 else "Nodes"
    verb = "is" if len(names) == 1 else "are"
    return (
        f"{word} {_some(names)} {verb} in maintenance mode and takes no client connections. End it with "
        "rabbitmq-upgrade revive on the node."
    )


def _slow(status: BrokerStatus) -> str:
    answers = f"It answers in {(status.answer_ms or 0) / 1000:.1f} s"
    took, interval = (status.poll_took_ms or 0) / 1000, status.broker.poll_interval_s
    if took <= interval:
        return f"{answers}. Find out what keeps the broker busy."
    return (
        f"{answers}, and a poll takes {took:.1f} s: longer than its interval of {interval} s, so figures "
        "are older than that. Find out what keeps the broker busy, or poll it less often."
    )


_WORDS = {
    "partitioned": _partitioned,
    "node_down": _node_down,
    "restricted": _restricted,
    "draining": _draining,
    "slow": _slow,
}


def _some(names: list[str]) -> str:
    """Return the first few names. They come from the broker, so they are made printable."""
    shown = ", ".join(printable(name, 120) for name in names[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown} and {len(names) - _NAMED} more"
