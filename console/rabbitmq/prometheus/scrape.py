"""Queue depths by scraping the rabbitmq_prometheus plugin: the cheapest source a broker offers.

`/metrics/detailed?family=queue_coarse_metrics` tells ready and unacked of every queue of one node,
about 2 s old, at an eighth of what the management API's totals cost the broker. It answers on a port
of its own, without a log-in; credentials are never sent there.

Quotes and backslashes in names are written as they are by some versions (3.10) and escaped by others,
and `a\\n` may then mean either. Such labels are only understood by comparing them with both spellings
of queues that are known otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from console.rabbitmq.endpoint import Timeouts
from console.rabbitmq.errors import AnswerTooLarge, MalformedAnswer
from console.rabbitmq.http.exchange import BoundedHttp
from console.rabbitmq.text import printable
from console.rabbitmq.types import Listener, Listing, QueueDepth, RejectedRow

PROTOCOLS = {"http/prometheus": "http", "https/prometheus": "https"}
_READY = b"rabbitmq_detailed_queue_messages_ready"
_UNACKED = b"rabbitmq_detailed_queue_messages_unacked"
_CONSUMERS = b"rabbitmq_detailed_queue_consumers"
_BIGGEST = 2**63 - 1

_IDENTITY = re.compile(rb'([a-z_]+)="([^"\\]*)"')

#: A queue's labels, as sent, to its value, as sent.
Values = dict[bytes, bytes]
#: Labels that hold more quotes than they should, or backslashes, to the (vhost, queue) they mean.
Spellings = Mapping[bytes, tuple[str, str]]


def scrape_url(management_url: str, listeners: Iterable[Listener]) -> str | None:
    """Where the plugin listens on the management URL's host; None where it does not."""
    host = urlsplit(management_url).hostname or ""
    for listener in listeners:
        scheme = PROTOCOLS.get(listener.protocol)
        if scheme and 0 < listener.port < 65536:
            return f"{scheme}://{f'[{host}]' if ':' in host else host}:{listener.port}"
    return None


def spellings(names: Iterable[tuple[str, str]]) -> Spellings:
    """Every way in which these queues' labels may be written. What could mean two queues is left out."""
    found: dict[bytes, tuple[str, str]] = {}
    twins: set[bytes] = set()
    for vhost, name in names:
        for labels in {_labels(vhost, name), _labels(_escaped(vhost), _escaped(name))}:
            if found.setdefault(labels, (vhost, name)) != (vhost, name):
                twins.add(labels)
    return {labels: queue for labels, queue in found.items() if labels not in twins}


def _labels(vhost: str, name: str) -> bytes:
    return f'vhost="{vhost}",queue="{name}"'.encode("utf-8", "replace")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


@dataclass(frozen=True, slots=True)
class Scrape:
    """Depths of all queues that one node leads, or that several do, at one moment. Kept as sent, so that comparing two costs less
    than reading one; only what differs is decoded.

    `odd` says that some labels are understood only by `spellings` of the queues known otherwise.
    """

    node: str
    cluster: str
    ready: Values
    unacked: Values
    rejected: list[RejectedRow] = field(default_factory=list)
    odd: bool = False

    def totals(self) -> tuple[int, int, int]:
        """Queues, ready and unacked messages over all queues that gave a proper number."""
        return len(self.ready), _sum(self.ready), _sum(self.unacked)

    def with_nul(self) -> list[RejectedRow]:
        """The queues with a NUL in their names: they are there, and their names can't be kept."""
        return [
            RejectedRow("The name contains a NUL character.", printable(labels))
            for labels in self.ready
            if b"\0" in labels
        ]

    def listing(self, known: Spellings) -> Listing[QueueDepth]:
        return self._decoded(self.ready.keys() | self.unacked.keys(), known)

    def changed_since(self, before: Scrape) -> Listing[QueueDepth]:
        """Queues of which a value differs, or that `before` does not have. Not for odd ones."""
        return self._decoded(
            {
                labels
                for now, then in ((self.ready, before.ready), (self.unacked, before.unacked))
                for labels, value in now.items()
                if then.get(labels) != value
            },
            {},
        )

    def new_since(self, before: Scrape) -> set[tuple[str, str]]:
        """Queues that `before` does not have."""
        return _names(self.ready.keys() - before.ready.keys())

    def vanished_since(self, before: Scrape) -> set[tuple[str, str]]:
        """Queues that only `before` has."""
        return _names(before.ready.keys() - self.ready.keys())

    def _decoded(self, queues: Iterable[bytes], known: Spellings) -> Listing[QueueDepth]:
        items: list[QueueDepth] = []
        rejected = list(self.rejected)
        for labels in queues:
            try:
                vhost, name = known.get(labels) or _names_of(labels)
                ready = _number(self.ready.get(labels))
                unacked = _number(self.unacked.get(labels))
            except ValueError as error:
                rejected.append(RejectedRow(printable(str(error)), printable(labels)))
                continue
            total = ready + unacked if ready is not None and unacked is not None else None
            items.append(QueueDepth(vhost, name, ready, unacked, total))
        return Listing(items, rejected)


def scrape_depths(http: BoundedHttp, url: str, *, timeouts: Timeouts | None = None) -> Scrape:
    """One scrape of the plugin at `url` (see `scrape_url`). Raises BrokerError."""
    body = _metrics(http, url, "queue_coarse_metrics", timeouts)
    identity = _identity(body)
    rejected: list[RejectedRow] = []
    ready = _values(body, _READY, http.endpoint.limits.rows, rejected)
    unacked = _values(body, _UNACKED, http.endpoint.limits.rows, rejected)
    return Scrape(
        node=identity.get("rabbitmq_node", ""),
        cluster=identity.get("rabbitmq_cluster", ""),
        ready=ready,
        unacked=unacked,
        rejected=rejected,
        odd=_holds_odd(body, _READY, len(ready)),
    )


def scrape_consumers(
    http: BoundedHttp, url: str, known: Spellings, *, timeouts: Timeouts | None = None
) -> dict[tuple[str, str], int]:
    """Consumers of each queue of the node, by vhost and name. Costs the broker several times what
    depths do. Rows that cannot be read are left out. Raises BrokerError."""
    body = _metrics(http, url, "queue_consumer_count", timeouts)
    found: dict[tuple[str, str], int] = {}
    for labels, value in _values(body, _CONSUMERS, http.endpoint.limits.rows, []).items():
        try:
            number = _number(value)
            if number is not None:
                found[known.get(labels) or _names_of(labels)] = number
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


def _rows_of(body: bytes, metric: bytes) -> bytes:
    """The metric's lines together, from the first one's labels on."""
    opening = b"\n" + metric + b"{"
    start = body.find(opening)
    if start < 0:
        return b""
    end = body.find(b"\n#", start)
    return body[start + len(opening) : end if end >= 0 else len(body)]


def _holds_odd(body: bytes, metric: bytes, queues: int) -> bool:
    """Whether any label is odd: told by counting, without looking at each."""
    rows = _rows_of(body, metric)
    return b"\\" in rows or rows.count(b'"') != 4 * queues


def _values(body: bytes, metric: bytes, limit: int, rejected: list[RejectedRow]) -> Values:
    """The metric's rows. A line end inside a name is escaped, so lines are what they look like."""
    together = _rows_of(body, metric)
    if not together:
        return {}
    rows = together.split(b"\n" + metric + b"{")
    if len(rows) > limit:
        raise AnswerTooLarge(f"{len(rows):,} queues; the limit is {limit:,}.")
    try:
        values = dict([row.rsplit(b"} ", 1) for row in rows])  # type: ignore[misc]
    except ValueError:
        values = {}
    if len(values) == len(rows):
        return values
    return _values_one_by_one(rows, rejected)


def _values_one_by_one(rows: list[bytes], rejected: list[RejectedRow]) -> Values:
    values: Values = {}
    twins: set[bytes] = set()
    for row in rows:
        labels, separator, value = row.rpartition(b"} ")
        if not separator:
            rejected.append(RejectedRow("Not a valid metric line.", printable(row)))
        elif labels in values:
            twins.add(labels)
        else:
            values[labels] = value
    for labels in twins:
        # Which of the two would be right is not ours to guess.
        del values[labels]
        rejected.append(RejectedRow("The queue is listed twice.", printable(labels)))
    return values


def _names(queues: Iterable[bytes]) -> set[tuple[str, str]]:
    found = set()
    for labels in queues:
        try:
            found.add(_names_of(labels))
        except ValueError:
            continue
    return found


def _is_odd(labels: bytes) -> bool:
    return labels.count(b'"') != 4 or b"\\" in labels


def _names_of(labels: bytes) -> tuple[str, str]:
    """(vhost, queue). Raises ValueError (UnicodeDecodeError is one) where they cannot be told."""
    if _is_odd(labels):
        raise ValueError("The name has quotes or backslashes and isn't in the inventory yet.")
    vhost, separator, name = labels[7:-1].partition(b'",queue="')
    if not (separator and labels.startswith(b'vhost="') and labels.endswith(b'"')):
        raise ValueError("The row names no queue.")
    return vhost.decode(), name.decode()


def _number(value: bytes | None) -> int | None:
    """None for a value that is missing or said to be none. Raises ValueError for an absurd one."""
    if value is None:
        return None
    if value.isdigit():
        number = int(value) if len(value) < 20 else -1
    elif value.strip().lower() == b"nan":
        return None
    else:
        as_float = float(value)  # "1.5e3" is proper
        number = int(as_float) if as_float.is_integer() and as_float < 2**62 else -1
    if not 0 <= number <= _BIGGEST:
        raise ValueError("The number of messages isn't plausible.")
    return number


def _sum(values: Values) -> int:
    try:
        return sum(map(int, values.values()))
    except ValueError:
        return sum(int(value) for value in values.values() if value.isdigit() and len(value) < 20)
