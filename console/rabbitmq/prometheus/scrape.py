"""Read queue depths by scraping the rabbitmq_prometheus plugin: the broker's cheapest source.

`/metrics/detailed?family=queue_coarse_metrics` reports ready and unacked of every queue of one
node, about 2 s old, at an eighth of what the management API's totals cost the broker. It answers on
its own port, without a login; credentials are never sent there.

Some versions (3.10) write quotes and backslashes in names as they are, others escape them, so
`a\\n` can mean either. Such labels are decoded only by comparing them with both spellings of queues
that are known from elsewhere.
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
#: Labels with extra quotes or with backslashes, to the (vhost, queue) they mean.
Spellings = Mapping[bytes, tuple[str, str]]


def scrape_url(management_url: str, listeners: Iterable[Listener]) -> str | None:
    """Return the plugin's URL on the management URL's host; None if the plugin doesn't listen."""
    host = urlsplit(management_url).hostname or ""
    for listener in listeners:
        scheme = PROTOCOLS.get(listener.protocol)
        if scheme and 0 < listener.port < 65536:
            return f"{scheme}://{f'[{host}]' if ':' in host else host}:{listener.port}"
    return None


def spellings(names: Iterable[tuple[str, str]]) -> Spellings:
    """Return all spellings of these queues' labels, without those that could mean two queues."""
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

    def totals(self) -> tuple[int, int, int]:
        """Return the number of queues, and their total ready and unacked messages. Values that
        aren't proper numbers aren't counted."""
        return len(self.ready), _sum(self.ready), _sum(self.unacked)

    def with_nul(self) -> list[RejectedRow]:
        """Return the queues with a NUL in their names: they exist, but their names can't be stored."""
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
            {
                labels
                for now, then in ((self.ready, before.ready), (self.unacked, before.unacked))
                for labels, value in now.items()
                if then.get(labels) != value
            },
            {},
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
    """Scrape the plugin at `url` (see `scrape_url`) once. Raises BrokerError."""
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
    """Return the number of consumers of each queue of the node, by vhost and name.

    Costs the broker several times as much as depths. Rows that can't be read are left out. Raises
    BrokerError.
    """
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
    """Return the metric's lines together, starting at the first one's labels."""
    opening = b"\n" + metric + b"{"
    start = body.find(opening)
    if start < 0:
        return b""
    end = body.find(b"\n#", start)
    return body[start + len(opening) : end if end >= 0 else len(body)]


def _holds_odd(body: bytes, metric: bytes, queues: int) -> bool:
    """Return whether any label is odd, by counting characters instead of checking each label."""
    rows = _rows_of(body, metric)
    return b"\\" in rows or rows.count(b'"') != 4 * queues


def _values(body: bytes, metric: bytes, limit: int, rejected: list[RejectedRow]) -> Values:
    """Return the metric's rows. A line end inside a name is escaped, so each line is one row."""
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
        # It's unknown which of the two is right.
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
    """Return (vhost, queue). Raises ValueError, or its UnicodeDecodeError, if they can't be read."""
    if _is_odd(labels):
        raise ValueError("The name has quotes or backslashes and isn't in the inventory yet.")
    vhost, separator, name = labels[7:-1].partition(b'",queue="')
    if not (separator and labels.startswith(b'vhost="') and labels.endswith(b'"')):
        raise ValueError("The row names no queue.")
    return vhost.decode(), name.decode()


def _number(value: bytes | None) -> int | None:
    """Return the number; None if it is missing or NaN. Raises ValueError if it isn't plausible."""
    if value is None:
        return None
    if value.isdigit():
        number = int(value) if len(value) < 20 else -1
    elif value.strip().lower() == b"nan":
        return None
    else:
        as_float = float(value)  # "1.5e3" is valid
        number = int(as_float) if as_float.is_integer() and as_float < 2**62 else -1
    if not 0 <= number <= _BIGGEST:
        raise ValueError("The number of messages isn't plausible.")
    return number


def _sum(values: Values) -> int:
    try:
        return sum(map(int, values.values()))
    except ValueError:
        return sum(int(value) for value in values.values() if value.isdigit() and len(value) < 20)
