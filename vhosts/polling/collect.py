"""What a poll asks of a broker: its vitals, and the depths of its queues by the cheapest source it
offers. No database transaction is open meanwhile; nothing here writes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TypeVar

from console.models import Broker, BrokerStatus
from console.rabbitmq.addresses import BadAddress, parse_amqp_url, parse_management_url
from console.rabbitmq.amqp.depths import PassiveDepths
from console.rabbitmq.endpoint import AmqpEndpoint, Endpoint, Timeouts
from console.rabbitmq.errors import (
    BrokerError,
    BrokerFailed,
    LoginRefused,
    MalformedAnswer,
    NotFound,
    TimedOut,
)
from console.rabbitmq.management.client import ManagementClient
from console.rabbitmq.prometheus import Scrape, scrape_depths, scrape_url, spellings
from console.rabbitmq.types import (
    DepthSource,
    Listener,
    Listing,
    Node,
    Overview,
    QueueDepth,
    RejectedRow,
)
from vhosts.models import Queue
from vhosts.polling.quarantine import sound_depths, why_unfit

#: A broker that answers, answers these within a second; a hung one must not hold a thread for long.
QUICK = Timeouts(connect=3, read=8, total=10)
#: The totals of 50,000 queues take a broker 10 to 16 s.
SLOW = Timeouts(connect=3, read=25, total=30)
_SCRAPE = Timeouts(connect=2, read=10, total=15)
#: A source that failed is tried again after this time.
SOURCE_REST = timedelta(minutes=10)
#: Asking queue by queue costs the broker 0.2 ms each, and us a round trip.
_PASSIVE_AT_MOST = 2_000

Part = TypeVar("Part")


@dataclass(frozen=True)
class Vitals:
    """`nodes` and `alarms` are None where only that part failed; `errors` then says why."""

    overview: Overview
    nodes: Listing[Node] | None
    alarms: list[str] | None
    errors: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Depths:
    """Depths to store. `whole`: `items` are all queues; else only what differs from `base`, and
    `vanished` those no longer there. `complete` says that no queue was left out."""

    source: DepthSource
    items: list[QueueDepth]
    complete: bool
    whole: bool
    queues: int
    ready: int | None
    unacked: int | None
    rejected: list[RejectedRow] = field(default_factory=list)
    #: Queues in `items` that were not there before; None: not known which.
    new: set[tuple[str, str]] | None = None
    vanished: set[tuple[str, str]] = field(default_factory=set)
    #: To be remembered once this is stored.
    scrape: Scrape | None = None


class NoSource(Exception):
    """No source gave depths. `error` is the last one's, `sources_off` what to leave alone for now."""

    def __init__(self, error: BrokerError) -> None:
        super().__init__(str(error))
        self.error = error


def read_vitals(client: ManagementClient) -> Vitals:
    """Raises BrokerError where the overview cannot be read: then nothing is known."""
    overview = client.overview()
    errors: dict[str, str] = {}
    nodes = _part(errors, "nodes", client.nodes)
    alarms = _part(errors, "alarms", client.alarms)
    return Vitals(overview, nodes, alarms, errors)


def _part(errors: dict[str, str], name: str, read: Callable[[], Part]) -> Part | None:
    try:
        return read()
    except LoginRefused:
        raise
    except BrokerError as error:
        errors[name] = sentence(error)
        return None


def sentence(error: BrokerError) -> str:
    """What happened, for a person."""
    return error.detail or error.summary


class DepthCollector:
    """Tries a broker's sources in order of cost. `sources_off` tells which are left alone until when,
    and is to be stored: the next poll may run in another worker."""

    def __init__(
        self, broker: Broker, status: BrokerStatus, client: ManagementClient, now: datetime
    ) -> None:
        self._broker = broker
        self._client = client
        self._now = now
        self._ahead: tuple[str, Future[Scrape]] | None = None
        self._was = status
        self.sources_off = {
            name: off
            for name, off in status.sources_off.items()
            if datetime.fromisoformat(off["until"]) > now
        }

    @contextlib.contextmanager
    def ahead(self) -> Iterator[None]:
        """Where the last poll's depths came by a scrape, begins the next one beside what the block
        does. It is used only if the vitals read meanwhile still say the same address."""
        was = self._was
        url = None
        if was.depths_source == "prometheus" and not was.failures and not self.sources_off:
            listeners = [Listener(**listener) for listener in was.listeners]
            url = scrape_url(self._broker.management_url, listeners)
        if url is None:
            yield
            return
        # A thread of its own, without a database connection; it ends by the scrape's own deadline.
        pool = ThreadPoolExecutor(1, thread_name_prefix="scrape")
        try:
            http = self._client.http
            self._ahead = (url, pool.submit(scrape_depths, http, url, timeouts=_SCRAPE))
            yield
        finally:
            pool.shutdown(wait=False)

    def collect(self, vitals: Vitals, *, before: Scrape | None) -> Depths:
        """`before` is the scrape whose depths are stored, if it is at hand. Raises NoSource;
        LoginRefused."""
        last: BrokerError = BrokerFailed("No source of depths is open.")
        attempts: list[tuple[DepthSource, Callable[[], Depths]]] = [
            ("totals", self._totals),
            ("passive", lambda: self._passive(vitals)),
        ]
        url = self._scrape_url(vitals)
        if url is not None:
            attempts.insert(0, ("prometheus", lambda: self._prometheus(url, vitals, before)))
        for name, attempt in attempts:
            if name in self.sources_off:
                continue
            try:
                return attempt()
            except LoginRefused:
                raise
            except BrokerError as error:
                last = error
                if name != "totals":  # which is the last that must be tried each time
                    self.sources_off[name] = {
                        "until": (self._now + SOURCE_REST).isoformat(),
                        "reason": sentence(error),
                    }
        raise NoSource(last)

    def _scrape_url(self, vitals: Vitals) -> str | None:
        """None for a cluster: each node tells only of the queues it leads, at its own address, which
        need not be reachable from here; the totals are of the whole cluster."""
        if vitals.nodes is None or len(vitals.nodes.items) != 1 or vitals.nodes.rejected:
            return None
        return scrape_url(self._broker.management_url, vitals.overview.listeners)

    def _prometheus(self, url: str, vitals: Vitals, before: Scrape | None) -> Depths:
        if self._ahead is not None and self._ahead[0] == url:
            scrape = self._ahead[1].result()
        else:
            scrape = scrape_depths(self._client.http, url, timeouts=_SCRAPE)
        overview = vitals.overview
        if overview.node and scrape.node != overview.node:
            # Another broker's plugin behind the same host name: a mapped or forwarded port.
            raise MalformedAnswer(f"Its Prometheus port answers for the node {scrape.node}.")
        queues, ready, unacked = scrape.totals()
        if overview.queues and overview.queues >= 10 and queues < overview.queues / 2:
            raise MalformedAnswer(
                f"Its Prometheus plugin tells of {queues} of {overview.queues} queues."
            )
        listing = None if before is None or scrape.odd else scrape.changed_since(before)
        if listing is None or len(listing.rejected) > len(scrape.rejected):
            # A depth that can no longer be read is not known: only comparing all of them tells.
            before = None
            odd_names = Queue.objects.odd_names_on(self._broker) if scrape.odd else []
            listing = scrape.listing(spellings(odd_names))
        # Those are left out of every poll, whether they changed since the one before or not.
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
        )

    def _totals(self) -> Depths:
        with ManagementClient(replace(self._client.endpoint, timeouts=SLOW)) as client:
            return _whole("totals", client.depths())

    def _passive(self, vitals: Vitals) -> Depths:
        names = Queue.objects.names_on(self._broker)
        if not names or len(names) > _PASSIVE_AT_MOST:
            raise TimedOut(f"Asking for {len(names):,} queues one by one would take too long.")
        endpoint = amqp_endpoint(
            self._broker.amqp_url, self._client.endpoint, vitals.overview.listeners
        )
        listing = PassiveDepths(endpoint).depths_of(names)
        # Only queues known by name were asked about: what else there is stays untold.
        return _whole("passive", replace(listing, complete=False))


def _kept(names: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those that can be in our tables."""
    return {name for name in names if why_unfit(*name) is None}


def _whole(source: DepthSource, listing: Listing[QueueDepth]) -> Depths:
    rejected = list(listing.rejected)
    items = [
        item
        if item.ready is None or item.unacked is None
        else replace(item, total=item.ready + item.unacked)
        for item in sound_depths(listing.items, rejected)
    ]
    return Depths(
        source=source,
        items=items,
        complete=listing.complete,
        whole=True,
        queues=len(items),
        ready=_summed([item.ready for item in items]),
        unacked=_summed([item.unacked for item in items]),
        rejected=rejected,
    )


def _summed(values: list[int | None]) -> int | None:
    """None where not one of them is known; what is not known is left out of the sum."""
    known = [value for value in values if value is not None]
    return sum(known) if known or not values else None


def amqp_endpoint(
    amqp_url: str, management: Endpoint, listeners: Sequence[Listener]
) -> AmqpEndpoint:
    """The AMQP listener given for the broker, else the one it names itself, on the management URL's
    host. Raises NotFound."""
    try:
        if amqp_url:
            given = parse_amqp_url(amqp_url)
            scheme, host, port = given.scheme, given.host, given.port
        else:
            found = {listener.protocol: listener.port for listener in listeners}
            secure = management.url.startswith("https:") and found.get("amqp/ssl")
            scheme = "amqps" if secure else "amqp"
            host = parse_management_url(management.url).host
            port = found["amqp/ssl" if secure else "amqp"]
    except (KeyError, BadAddress):
        raise NotFound("The broker names no AMQP listener.") from None
    return AmqpEndpoint(
        scheme="amqps" if scheme == "amqps" else "amqp",
        host=host,
        port=port,
        credentials=management.credentials,
        tls=management.tls,
        timeouts=SLOW,
        policy=management.policy,
    )
