"""Scrape the Prometheus plugins of a broker's nodes: find their URLs, read all in parallel."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from console.models import Broker
from console.rabbitmq.cluster import ClusterView
from console.rabbitmq.endpoint import Timeouts
from console.rabbitmq.errors import (
    AccessRefused,
    AnswerTooLarge,
    BrokerError,
    BrokerFailed,
    LoginRefused,
    MalformedAnswer,
    TimedOut,
)
from console.rabbitmq.management.client import ManagementClient
from console.rabbitmq.prometheus.counters import Style
from console.rabbitmq.prometheus.labels import Spellings
from console.rabbitmq.prometheus.nodes import ask_each, must_be_of, node_urls
from console.rabbitmq.prometheus.scrape import (
    Scrape,
    scrape_consumers,
    scrape_depths,
    scrape_url,
)
from console.rabbitmq.types import Listener

_TIMEOUTS = Timeouts(connect=2, read=10, total=15)

#: Errors that asking for less may avoid.
_TOO_MUCH = (AnswerTooLarge, BrokerFailed, MalformedAnswer, TimedOut)

#: The scrapes of the nodes that answered, and the errors of the others, by node.
Answers = tuple[dict[str, Scrape], dict[str, BrokerError]]


class NodeScrapes:
    """The scrapes of one poll. `urls` are by node, as `urls()` returns them.

    `style` is how the broker counts messages; None: counters aren't requested. `too_much` says why
    a node gave depths only without counters; else "".
    """

    def __init__(self, broker: Broker, client: ManagementClient) -> None:
        self._broker = broker
        self._client = client
        self.style: Style | None = None
        self.too_much = ""
        self._ahead: tuple[dict[str, str], Style | None, Future[Answers]] | None = None

    def urls(self, view: ClusterView, listeners: Iterable[Listener]) -> dict[str, str] | None:
        """Return the URL of every running node, or None if one is unknown. A single node is read
        on the management URL's host, whatever name it reports."""
        if not view.known:
            return None
        listeners = list(listeners)
        if len(view.running | view.down) > 1:
            return node_urls(self._client.endpoint.url, view.running, listeners)
        url = scrape_url(self._client.endpoint.url, listeners)
        return None if url is None else dict.fromkeys(view.running, url)

    @contextlib.contextmanager
    def ahead(self, urls: dict[str, str] | None) -> Iterator[None]:
        """Scrape these URLs in parallel with the block; None does nothing."""
        if urls is None:
            yield
            return
        # A separate thread without a database connection. It ends at the scrapes' own deadline.
        pool = ThreadPoolExecutor(1, thread_name_prefix="scrapes")
        try:
            self._ahead = (urls, self.style, pool.submit(self._ask, urls))
            yield
        finally:
            pool.shutdown(wait=False)

    def of(self, urls: dict[str, str]) -> Answers:
        """Return the scrapes started by `ahead` if the URLs are the same; else scrape now."""
        if self._ahead is not None and self._ahead[:2] == (urls, self.style):
            return self._ahead[2].result()
        return self._ask(urls)

    def _ask(self, urls: dict[str, str]) -> Answers:
        nodes = {url: node for node, url in urls.items()}

        def ask(url: str) -> Scrape:
            try:
                scrape = self._scrape(url)
            except LoginRefused as error:
                # No credentials were sent, so this says nothing about the console's credentials.
                raise AccessRefused("The Prometheus port requires authentication.") from error
            return must_be_of(scrape, nodes[url])

        return ask_each(urls, ask)

    def _scrape(self, url: str) -> Scrape:
        """Return depths with counters, or without them if they are too much: they must not cost
        a poll its depths."""
        try:
            return scrape_depths(self._client.http, url, timeouts=_TIMEOUTS, style=self.style)
        except _TOO_MUCH as error:
            if self.style is None:
                raise
            scrape = scrape_depths(self._client.http, url, timeouts=_TIMEOUTS)
            self.too_much = error.detail or error.summary
            return scrape

    def consumers(
        self, urls: dict[str, str], known: Spellings, timeouts: Timeouts
    ) -> dict[tuple[str, str], int]:
        """Return consumers by (vhost, name), of the nodes that answered. Raises BrokerError if
        none did."""
        told, failed = ask_each(
            urls,
            lambda url: scrape_consumers(self._client.http, url, known, timeouts=timeouts),
        )
        if not told:
            raise next(iter(failed.values()))
        return {names: count for found in told.values() for names, count in found.items()}
