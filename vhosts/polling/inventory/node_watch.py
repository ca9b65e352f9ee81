"""Watch whether a cluster was whole while its objects were listed."""

from __future__ import annotations

from console.rabbitmq.cluster import ClusterView, view_during
from console.rabbitmq.errors import BrokerError, LoginRefused
from console.rabbitmq.management.client import ManagementClient
from console.rabbitmq.types import Listing, Node


class NodeWatch:
    """Reads the broker's nodes on creation and on each call. `missed`: at least once, nodes were
    missing."""

    def __init__(self, client: ManagementClient) -> None:
        self._client = client
        self.missed = False
        self._last = self._read()

    def since_last(self) -> ClusterView:
        """Return the cluster's state since the last call. Raises LoginRefused."""
        # If a broker hangs once on its nodes, don't read them again.
        found = None if self._last is None else self._read()
        view = view_during(self._last, found)
        self._last = found
        self.missed |= not view.whole
        return view

    def _read(self) -> Listing[Node] | None:
        try:
            return self._client.nodes()
        except LoginRefused:
            raise
        except BrokerError:
            return None
