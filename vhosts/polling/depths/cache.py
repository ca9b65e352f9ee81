"""Keep the last scrape of each broker, so that a poll decodes and stores only what differs.

This cache is only an optimization. An entry is valid only while the depths in Postgres come from
the same claim (BrokerStatus.depths_claim). After another worker's poll, an inventory that changed
the queues, or a restart, the whole listing is compared in Postgres instead.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

from console.rabbitmq.prometheus.scrape import Scrape

#: Maximum number of queues in the cache, for all brokers together: about 0.5 KB each.
MAX_QUEUES = 60_000


class ScrapeCache:
    def __init__(self, max_queues: int = MAX_QUEUES) -> None:
        self._max_queues = max_queues
        self._lock = threading.Lock()
        self._entries: OrderedDict[int, tuple[int, Scrape]] = OrderedDict()

    def get(self, broker_id: int, claim: int) -> Scrape | None:
        """Return the scrape stored under exactly this `claim`, or None."""
        with self._lock:
            known = self._entries.get(broker_id)
            return known[1] if known and claim and known[0] == claim else None

    def put(self, broker_id: int, claim: int, scrape: Scrape) -> None:
        with self._lock:
            self._entries.pop(broker_id, None)
            self._entries[broker_id] = (claim, scrape)
            kept = sum(len(entry[1].ready) for entry in self._entries.values())
            while kept > self._max_queues and self._entries:
                _, (_, oldest) = self._entries.popitem(last=False)
                kept -= len(oldest.ready)


scrapes = ScrapeCache()
