"""Read a broker's queue depths from its cheapest source, after the vitals.

No database transaction is open meanwhile, and nothing here writes.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from console.brokers.amqp import amqp_endpoint
from console.models import Broker, BrokerStatus
from console.rabbitmq.amqp.depths import PassiveDepths
from console.rabbitmq.cluster import ClusterView, view_of
from console.rabbitmq.endpoint import Timeouts
from console.rabbitmq.errors import (
    BrokerError,
    BrokerFailed,
    LoginRefused,
    MalformedAnswer,
    TimedOut,
)
from console.rabbitmq.management.client import ManagementClient
from console.rabbitmq.prometheus.counters import style_of
from console.rabbitmq.prometheus.labels import spellings
from console.rabbitmq.prometheus.nodes import added_up
from console.rabbitmq.prometheus.scrape import Scrape
from console.rabbitmq.text import printable
from console.rabbitmq.types import (
    DepthSource,
    Listener,
)
from vhosts.models import Queue
from vhosts.polling.depths.found import Depths, whole
from vhosts.polling.depths.scraping import NodeScrapes
from vhosts.polling.inventory.quarantine import sound_depths, why_unfit
from vhosts.polling.rights import short_of
from vhosts.polling.vitals import Vitals, sentence

#: A healthy broker answers these calls within a second. A hung one must not block a thread for
#: long.
QUICK = Timeouts(connect=3, read=8, total=10)
#: A broker needs 10 to 16 s for the totals of 50,000 queues.
SLOW = Timeouts(connect=3, read=25, total=30)
#: A failed source is tried again after this time.
SOURCE_REST = timedelta(minutes=10)
#: Counters of messages, as a source that rests.
RATES = "rates"
#: A passive declare costs the broker 0.2 ms per queue, and the worker a round trip.
_PASSIVE_AT_MOST = 2_000

#: Within this time, a new leader has counted its messages.
_SETTLED_MS = 30_000


class NoSource(Exception):
    """No source gave depths. `error` is the error of the last source that was tried."""

    def __init__(self, error: BrokerError) -> None:
        super().__init__(str(error))
        self.error = error


class DepthCollector:
    """Try a broker's sources in order of cost.

    `sources_off` has the sources to skip, each with the time until which. Store it, because the
    next poll may run in another worker.
    """

    def __init__(
        self, broker: Broker, status: BrokerStatus, client: ManagementClient, now: datetime
    ) -> None:
        self._broker = broker
        self._client = client
        self._now = now
        self._scraping = NodeScrapes(broker, client)
        self._was = status
        #: From this worker's clock to that of the database, in seconds.
        self._clock = now.timestamp() - time.time()
        self.sources_off = {
            name: off
            for name, off in status.sources_off.items()
            if datetime.fromisoformat(off["until"]) > now
        }

    @contextlib.contextmanager
    def ahead(self) -> Iterator[None]:
        """If the last poll's depths came from scrapes, start the next scrapes in parallel with the
        block. They are used only if the vitals show the same nodes and addresses."""
        was = self._was
        urls = None
        off = self.sources_off.keys() - {RATES}
        if was.depths_source == "prometheus" and not was.failures and not off:
            self._want_counters(was.rabbitmq_version)
            listeners = [Listener(**listener) for listener in was.listeners]
            urls = self._scraping.urls(was.cluster(), listeners)
        with self._scraping.ahead(urls):
            yield

    def collect(self, vitals: Vitals, *, before: Scrape | None) -> Depths:
        """Return the depths from the first source that works.

        `before` is the scrape whose depths are stored, None if it isn't in the cache. Raises
        NoSource; LoginRefused.
        """
        self._want_counters(vitals.overview.rabbitmq_version)
        last: BrokerError = BrokerFailed("No source of depths is open.")
        view = view_of(vitals.nodes)
        attempts: list[tuple[DepthSource, Callable[[], Depths]]] = [
            ("totals", lambda: self._totals(view, vitals)),
            ("passive", lambda: self._passive(vitals)),
        ]
        urls = self._scraping.urls(view, vitals.overview.listeners)
        told: dict[str, Scrape] = {}
        if urls is not None:
            attempts.insert(0, ("prometheus", lambda: self._prometheus(urls, told, vitals, before)))
        nodes = sorted(view.running)
        if self.sources_off.get("prometheus", {}).get("nodes", nodes) != nodes:
            # Other nodes run now than those that failed.
            del self.sources_off["prometheus"]
        for name, attempt in attempts:
            if name in self.sources_off:
                continue
            try:
                return replace(attempt(), why_not_all=view.why_not_whole)
            except LoginRefused:
                raise
            except BrokerError as error:
                last = error
                if name != "totals":  # the last source: try it on every poll
                    self._rest(name, sentence(error), nodes)
                elif told:
                    silent = sorted(view.running - told.keys())
                    why = f"{view.why_not_whole} No answer from {printable(', '.join(silent))}."
                    depths = replace(self._scraped(told, None), why_not_all=why.strip())
                    # The clients of the silent nodes may use any queue.
                    return replace(depths, counters=())
        raise NoSource(last)

    def _rest(self, source: str, reason: str, nodes: list[str]) -> None:
        until = (self._now + SOURCE_REST).isoformat()
        self.sources_off[source] = {"until": until, "reason": reason, "nodes": nodes}

    def _want_counters(self, version: str) -> None:
        self._scraping.style = None if RATES in self.sources_off else style_of(version)

    def _prometheus(
        self, urls: dict[str, str], told: dict[str, Scrape], vitals: Vitals, before: Scrape | None
    ) -> Depths:
        """Return the depths that all nodes report. Raises if a node doesn't answer; `told` then
        has the scrapes of the other nodes."""
        answers, failed = self._scraping.of(urls)
        told.update(answers)
        for error in failed.values():
            raise error
        depths = self._scraped(told, before)
        if self._scraping.too_much:
            self._rest(RATES, self._scraping.too_much, sorted(told))
        known = vitals.overview.queues
        if known and known >= 10 and depths.queues < known / 2:
            told.clear()
            raise MalformedAnswer(
                f"Its Prometheus plugin reports {depths.queues} of {known} queues."
            )
        # The plugin lists a new queue seconds after the overview counts it. If many are
        # created at once, it takes minutes.
        return replace(depths, untold=max(0, (known or 0) - depths.queues))

    def _scraped(self, told: dict[str, Scrape], before: Scrape | None) -> Depths:
        scrapes = list(told.values())
        counters = tuple(
            replace(one.counters, read_at=one.counters.read_at + self._clock)
            for one in scrapes
            if one.counters is not None
        )
        scrape = replace(added_up(scrapes), counters=None)
        queues, ready, unacked = scrape.totals()
        listing = None if before is None or scrape.odd else scrape.changed_since(before)
        if listing is None or len(listing.rejected) > len(scrape.rejected):
            # A depth that can't be read any more is unknown. Only a comparison of all depths
            # detects this.
            before = None
            odd_names = Queue.objects.odd_names_on(self._broker) if scrape.odd else []
            listing = scrape.listing(spellings(odd_names))
        # These are skipped in every poll, whether they changed since the last one or not.
        rejected = [*listing.rejected, *scrape.with_nul()]
        named = [item for item in listing.items if "\0" not in item.name + item.vhost]
        return Depths(
            source="prometheus",
            items=sound_depths(named, rejected),
            complete=listing.complete,
            whole=before is None,
            queues=queues,
            ready=ready,
            unacked=unacked,
            rejected=rejected,
            new=None if before is None else scrape.new_since(before),
            vanished=set() if before is None else _kept(scrape.vanished_since(before)),
            scrape=scrape,
            counters=counters if len(counters) == len(scrapes) else (),
            size=sum(one.size for one in scrapes),
            took_ms=max(one.took_ms for one in scrapes),
        )

    def _totals(self, view: ClusterView, vitals: Vitals) -> Depths:
        # Nodes that can't be read now may have stopped just before.
        before = self._was.cluster()
        several = len(view.running | view.down | before.running | before.down) > 1
        # Without a majority, there is no leader that counts, however long ago the nodes stopped.
        minority = len(view.running) <= len(view.down)
        settling = several and (not view.known or minority or self._is_settling(view, vitals))
        with ManagementClient(replace(self._client.endpoint, timeouts=SLOW)) as client:
            depths = whole("totals", client.depths(settling=settling))
            untold = _untold(depths, vitals.overview.queues)
            if untold and view.whole:
                # Queues that were deleted between the two answers are in neither.
                untold = min(untold, _untold(depths, client.overview().queues))
            if not untold or not view.whole:
                return depths
            # A sum over no queues would report 0 messages.
            return replace(
                depths,
                untold=untold,
                lacks_right=short_of(client.whoami(), depths.queues, depths.queues + untold),
                complete=depths.complete and depths.queues > 0,
            )

    def _is_settling(self, view: ClusterView, vitals: Vitals) -> bool:
        """Return whether nodes started or stopped so recently that leaders may still be
        counting."""
        uptimes = [node.uptime_ms for node in (vitals.nodes.items if vitals.nodes else [])]
        young = any(0 < (uptime or 0) < _SETTLED_MS for uptime in uptimes)
        return young or view.running != self._was.cluster().running

    def _passive(self, vitals: Vitals) -> Depths:
        names = Queue.objects.names_on(self._broker)
        if not names or len(names) > _PASSIVE_AT_MOST:
            raise TimedOut(f"Requesting {len(names):,} queues one by one would take too long.")
        endpoint = amqp_endpoint(
            self._broker.amqp_url, self._client.endpoint, vitals.overview.listeners, SLOW
        )
        listing = PassiveDepths(endpoint).depths_of(names)
        # This reads only queues whose names are known, so other queues stay unlisted.
        return whole("passive", replace(listing, complete=False))


def _untold(depths: Depths, counted: int | None) -> int:
    """Return how many of the queues that the overview counts are missing in a whole cluster's
    listing."""
    return max(0, (counted or 0) - depths.queues - len(depths.rejected))


def _kept(names: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return the names that the tables can store."""
    return {name for name in names if why_unfit(*name) is None}
