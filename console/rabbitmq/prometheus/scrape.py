"""Read queue depths by scraping the rabbitmq_prometheus plugin: the broker's cheapest source.

`/metrics/detailed?family=queue_coarse_metrics` reports ready and unacked of every queue of one
node, about 2 s old, at an eighth of what the management API's totals cost the broker. It answers on
its own port, without a login; credentials are never sent there.

The same answer has the counters of messages, if their families are requested with it.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import compress
from operator import ne
from urllib.parse import urlsplit

from console.rabbitmq.endpoint import Timeouts
from console.rabbitmq.errors import BrokerError, MalformedAnswer
from console.rabbitmq.http.exchange import BoundedHttp
from console.rabbitmq.prometheus.counters import Counters, Style, counters_in, families
from console.rabbitmq.prometheus.labels import Spellings, names_of
from console.rabbitmq.prometheus.values import Metrics, Values, number, values
from console.rabbitmq.text import printable
from console.rabbitmq.types import Listener, Listing, QueueDepth, RejectedRow

PROTOCOLS = {"http/prometheus": "http", "https/prometheus": "https"}
_READY = b"rabbitmq_detailed_queue_messages_ready"
_UNACKED = b"rabbitmq_detailed_queue_messages_unacked"
_CONSUMERS = b"rabbitmq_detailed_queue_consumers"

_IDENTITY = re.compile(rb'([a-z_]+)="([^"\\]*)"')


def scrape_url(management_url: str, listeners: Iterable[Listener]) -> str | None:
    """Return the plugin's URL on the management URL's host; None if the plugin doesn't listen."""
    host = urlsplit(management_url).hostname or ""
    for listener in listeners:
        scheme = PROTOCOLS.get(listener.protocol)
        if scheme and 0 < listener.port < 65536:
            return f"{scheme}://{f'[{host}]' if ':' in host else host}:{listener.port}"
    return None


@dataclass(frozen=True, slots=True)
class Scrape:
    """Depths of all queues that one or several nodes lead, at one moment.

    Kept as sent, so that comparing two scrapes costs less than decoding one; only differences are
    decoded. `odd`: some labels can be decoded only with `spellings` of queues known from elsewhere.
    """

    node: str
    cluster: str
    ready: Values
    unacked: Values
    rejected: list[RejectedRow] = field(default_factory=list)
    odd: bool = False
    #: Counters of messages; None if they weren't requested or can't be read.
    counters: Counters | None = None
    #: The size of the answer in bytes, and the time it took.
    size: int = 0
    took_ms: int = 0

    def totals(self) -> tuple[int, int, int]:
        """Return the number of queues, and their total ready and unacked messages. Values that
        aren't proper numbers aren't counted."""
        return len(self.ready), _sum(self.ready), _sum(self.unacked)

    def with_nul(self) -> list[RejectedRow]:
        """Return the queues with a NUL in their names: they exist, but their names can't be stored."""
        if b"\0" not in b"".join(self.ready):
            return []
        return [
            RejectedRow("The name contains a NUL character.", printable(labels))
            for labels in self.ready
            if b"\0" in labels
        ]

    def listing(self, known: Spellings) -> Listing[QueueDepth]:
        return self._decoded(self.ready.keys() | self.unacked.keys(), known)

    def changed_since(self, before: Scrape) -> Listing[QueueDepth]:
        """Return queues with a changed value, or missing in `before`. Not for odd scrapes."""
        return self._decoded(
            {*_differing(self.ready, before.ready), *_differing(self.unacked, before.unacked)}, {}
        )

    def new_since(self, before: Scrape) -> set[tuple[str, str]]:
        """Return the queues that `before` doesn't have."""
        return _names(self.ready.keys() - before.ready.keys())

    def vanished_since(self, before: Scrape) -> set[tuple[str, str]]:
        """Return the queues that only `before` has."""
        return _names(before.ready.keys() - self.ready.keys())

    def _decoded(self, queues: Iterable[bytes], known: Spellings) -> Listing[QueueDepth]:
        items: list[QueueDepth] = []
        rejected = list(self.rejected)
        for labels in queues:
            try:
                vhost, name = known.get(labels) or names_of(labels)
                ready = number(self.ready.get(labels))
                unacked = number(self.unacked.get(labels))
            except ValueError as error:
                rejected.append(RejectedRow(printable(str(error)), printable(labels)))
                continue
            total = ready + unacked if ready is not None and unacked is not None else None
            items.append(QueueDepth(vhost, name, ready, unacked, total))
        return Listing(items, rejected)


def scrape_depths(
    http: BoundedHttp,
    url: str,
    *,
    timeouts: Timeouts | None = None,
    style: Style | None = None,
) -> Scrape:
    """Scrape the plugin at `url` (see `scrape_url`) once; with `style`, counters as well. Raises
    BrokerError."""
    began = time.time()
    wanted = ["queue_coarse_metrics", *(families(style) if style else ())]
    body = _metrics(http, url, "&family=".join(wanted), timeouts)
    took = time.time() - began
    identity = _identity(body)
    metrics = Metrics(body)
    rejected: list[RejectedRow] = []
    ready = values(metrics, _READY, http.endpoint.limits.rows, rejected)
    unacked = values(metrics, _UNACKED, http.endpoint.limits.rows, rejected)
    return Scrape(
        node=identity.get("rabbitmq_node", ""),
        cluster=identity.get("rabbitmq_cluster", ""),
        ready=ready,
        unacked=unacked,
        rejected=rejected,
        odd=_holds_odd(metrics, _READY, len(ready)),
        counters=_counters(http, metrics, identity, style, began + took / 2),
        size=len(body),
        took_ms=round(took * 1000),
    )


def _counters(
    http: BoundedHttp,
    metrics: Metrics,
    identity: dict[str, str],
    style: Style | None,
    read_at: float,
) -> Counters | None:
    """Return the counters; None if they can't be read: they never cost a poll its depths."""
    if style is None:
        return None
    node = identity.get("rabbitmq_node", "")
    try:
        return counters_in(metrics, node, style, read_at=read_at, limit=http.endpoint.limits.rows)
    except BrokerError:
        return None


def scrape_consumers(
    http: BoundedHttp, url: str, known: Spellings, *, timeouts: Timeouts | None = None
) -> dict[tuple[str, str], int]:
    """Return the number of consumers of each queue of the node, by vhost and name.

    Costs the broker several times as much as depths. Rows that can't be read are left out. Raises
    BrokerError.
    """
    body = _metrics(http, url, "queue_consumer_count", timeouts)
    found: dict[tuple[str, str], int] = {}
    for labels, value in values(Metrics(body), _CONSUMERS, http.endpoint.limits.rows, []).items():
        try:
            count = number(value)
            if count is not None:
                found[known.get(labels) or names_of(labels)] = count
        except ValueError:
            continue
    return found


def _metrics(http: BoundedHttp, url: str, family: str, timeouts: Timeouts | None) -> bytes:
    body = http.get(
        f"{url}/metrics/detailed?family={family}",
        accept="text/plain",
        authenticated=False,
        timeouts=timeouts,
    )
    if b"rabbitmq_identity_info{" not in body:
        raise MalformedAnswer("The answer doesn't come from RabbitMQ's Prometheus plugin.")
    return body


def _identity(body: bytes) -> dict[str, str]:
    start = body.index(b"rabbitmq_identity_info{")
    line = body[start : body.find(b"\n", start)]
    return {
        key.decode(): value.decode("utf-8", "replace") for key, value in _IDENTITY.findall(line)
    }


def _holds_odd(metrics: Metrics, metric: bytes, queues: int) -> bool:
    """Return whether any label is odd, by counting characters instead of checking each label."""
    rows = metrics.rows_of(metric)
    return b"\\" in rows or rows.count(b'"') != 4 * queues


def _differing(now: Values, then: Values) -> Iterable[bytes]:
    """Return the labels whose value differs, or that `then` doesn't have."""
    if list(now) == list(then):  # in the same order, as nearly always
        return compress(now, map(ne, now.values(), then.values()))
    return [labels for labels, value in now.items() if then.get(labels) != value]


def _names(queues: Iterable[bytes]) -> set[tuple[str, str]]:
    found = set()
    for labels in queues:
        try:
            found.add(names_of(labels))
        except ValueError:
            continue
    return found


def _sum(values: Values) -> int:
    try:
        return sum(map(int, values.values()))
    except ValueError:
        return sum(int(value) for value in values.values() if value.isdigit() and len(value) < 20)
