"""Which nodes of a broker run. Only a complete cluster can prove that an object doesn't exist.

A listing contains what the nodes reachable from the answering node know. Some listings leave out
queues on a dead node, and the two sides of a partition may differ in everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from console.rabbitmq.text import printable
from console.rabbitmq.types import Listing, Node

#: A sentence names at most this many of the nodes that are down.
_NAMED = 3


@dataclass(frozen=True, slots=True)
class ClusterView:
    """The nodes of a broker at one moment. `known` is False if the broker didn't report all of
    them; then any node may be down."""

    running: frozenset[str] = frozenset()
    down: frozenset[str] = frozenset()
    partitioned: bool = False
    known: bool = True

    @property
    def whole(self) -> bool:
        """Whether every node runs and is connected to all others."""
        return self.known and not self.down and not self.partitioned

    @property
    def why_not_whole(self) -> str:
        """Why the cluster isn't whole, as a sentence; "" if it is."""
        if not self.known:
            return "The console doesn't know which nodes are running."
        if self.down:
            return nodes_are_down(self.down)
        return "The cluster is partitioned." if self.partitioned else ""


def view_of(nodes: Listing[Node] | None) -> ClusterView:
    """Return the view of a listing of nodes; None if they couldn't be read."""
    if nodes is None or nodes.rejected or not nodes.complete or not nodes.items:
        return ClusterView(known=False)
    return ClusterView(
        running=frozenset(node.name for node in nodes.items if node.running),
        down=frozenset(node.name for node in nodes.items if not node.running),
        partitioned=any(node.partitions for node in nodes.items),
    )


def view_during(before: Listing[Node] | None, after: Listing[Node] | None) -> ClusterView:
    """Return the view of the time between two readings. A node that was down in either reading, or
    restarted in between, counts as down."""
    first, last = view_of(before), view_of(after)
    restarted = set()
    if before is not None and after is not None:
        uptimes = {node.name: node.uptime_ms for node in before.items}
        for node in after.items:
            was = uptimes.get(node.name)
            if was is not None and node.uptime_ms is not None and node.uptime_ms < was:
                restarted.add(node.name)
    down = first.down | last.down | restarted
    return ClusterView(
        running=(first.running | last.running) - down,
        down=down,
        partitioned=first.partitioned or last.partitioned,
        known=first.known and last.known,
    )


def stored_view(nodes: Sequence[Mapping[str, Any]]) -> ClusterView:
    """Return the view of BrokerStatus.nodes, as stored by the last poll that read the nodes."""
    return ClusterView(
        running=frozenset(str(node.get("name")) for node in nodes if node.get("running")),
        down=frozenset(str(node.get("name")) for node in nodes if not node.get("running")),
        partitioned=any(node.get("partitions") for node in nodes),
        known=bool(nodes),
    )


def running_plugins(nodes: Listing[Node] | None) -> frozenset[str] | None:
    """Plugins that run on every running node: what one of them lacks, the cluster can't be asked for. None
    where a node may not have been read, or doesn't name its plugins."""
    if nodes is None or nodes.rejected or not nodes.complete:
        return None
    found = [node.running_plugins for node in nodes.items if node.running]
    told = [set(names) for names in found if names is not None]
    return frozenset(set.intersection(*told)) if told and len(told) == len(found) else None


def nodes_are_down(names: Iterable[str]) -> str:
    """Return a sentence such as "Node rabbit@b is down." Names come from a broker, so they are
    escaped.
    """
    shown = sorted(printable(name) for name in names)
    if len(shown) == 1:
        return f"Node {shown[0]} is down."
    if len(shown) > _NAMED:
        return f"{len(shown)} nodes are down: {', '.join(shown[:_NAMED])} and others."
    return f"Nodes {', '.join(shown[:-1])} and {shown[-1]} are down."
