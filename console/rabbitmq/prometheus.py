"""Queue depths by scraping the rabbitmq_prometheus plugin: the cheapest source a broker offers.

`/metrics/detailed?family=queue_coarse_metrics` tells ready and unacked of every queue of one node,
about 2 s old, at an eighth of what the management API's totals cost the broker. It answers on a port
of its own, without a log-in; credentials are never sent there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from console.rabbitmq.endpoint import Timeouts
from console.rabbitmq.errors import AnswerTooLarge, MalformedAnswer
from console.rabbitmq.http import BoundedHttp
from console.rabbitmq.text import printable
from console.rabbitmq.types import Listener, Listing, QueueDepth, RejectedRow

_PROTOCOLS = {"http/prometheus": "http", "https/prometheus": "https"}
_READY = b"rabbitmq_detailed_queue_messages_ready"
_UNACKED = b"rabbitmq_detailed_queue_messages_unacked"
_CONSUMERS = b"rabbitmq_detailed_queue_consumers"
_BIGGEST = 2**63 - 1

_LABEL = re.compile(rb'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)",?')
_ESCAPE = re.compile(rb"\\(.)")
_ESCAPED = {b"n": b"\n", b"\\": b"\\", b'"': b'"'}

#: A queue's labels, as sent, to its value, as sent.
Values = dict[bytes, bytes]


def scrape_url(management_url: str, listeners: Iterable[Listener]) -> str | None:
    """Where the plugin listens on the management URL's host; None where it does not."""
    host = urlsplit(management_url).hostname or ""
    for listener in listeners:
        scheme = _PROTOCOLS.get(listener.protocol)
        if scheme and 0 < listener.port < 65536:
            return f"{scheme}://{f'[{host}]' if ':' in host else host}:{listener.port}"
    return None


@dataclass(frozen=True, slots=True)
class Scrape:
    """Depths of all queues of one node at one moment. Kept as sent, so that comparing two costs less
    than reading one; only what differs is decoded."""

    node: str
    cluster: str
    ready: Values
    unacked: Values
    rejected: list[RejectedRow] = field(default_factory=list)

    def totals(self) -> tuple[int, int, int]:
        """Queues, ready and unacked messages over all queues that gave a proper number."""
        return len(self.ready), _sum(self.ready), _sum(self.unacked)

    def listing(self) -> Listing[QueueDepth]:
        return self._decoded(self.ready.keys() | self.unacked.keys())

    def changed_since(self, before: Scrape) -> Listing[QueueDepth]:
        """Queues of which a value differs, or that `before` does not have."""
        return self._decoded(
            {
                labels
                for now, then in ((self.ready, before.ready), (self.unacked, before.unacked))
                for labels, value in now.items()
                if then.get(labels) != value
            }
        )

    def new_since(self, before: Scrape) -> set[tuple[str, str]]:
        """Queues that `before` does not have."""
        return _names(self.ready.keys() - before.ready.keys())

    def vanished_since(self, before: Scrape) -> set[tuple[str, str]]:
        """Queues that only `before` has."""
        return _names(before.ready.keys() - self.ready.keys())

    def _decoded(self, queues: Iterable[bytes]) -> Listing[QueueDepth]:
        items: list[QueueDepth] = []
        rejected = list(self.rejected)
        for labels in queues:
            try:
                vhost, name = _names_of(labels)
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
    )


def scrape_consumers(
    http: BoundedHttp, url: str, *, timeouts: Timeouts | None = None
) -> dict[tuple[str, str], int]:
    """Consumers of each queue of the node, by vhost and name. Costs the broker several times what
    depths do. Rows that cannot be read are left out. Raises BrokerError."""
    body = _metrics(http, url, "queue_consumer_count", timeouts)
    found: dict[tuple[str, str], int] = {}
    for labels, value in _values(body, _CONSUMERS, http.endpoint.limits.rows, []).items():
        try:
            number = _number(value)
            if number is not None:
                found[_names_of(labels)] = number
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
        raise MalformedAnswer("The answer is not what RabbitMQ's Prometheus plugin gives.")
    return body


def _identity(body: bytes) -> dict[str, str]:
    start = body.index(b"rabbitmq_identity_info{") + len(b"rabbitmq_identity_info{")
    labels, _, _ = body[start : body.find(b"\n", start)].rpartition(b"} ")
    try:
        return _labels(labels)
    except ValueError:
        return {}


def _values(body: bytes, metric: bytes, limit: int, rejected: list[RejectedRow]) -> Values:
    """The metric's rows. A line end inside a name is escaped, so lines are what they look like."""
    opening = b"\n" + metric + b"{"
    start = body.find(opening)
    if start < 0:
        return {}
    end = body.find(b"\n#", start)
    rows = body[start + len(opening) : end if end >= 0 else len(body)].split(opening)
    if len(rows) > limit:
        raise AnswerTooLarge(f"{len(rows):,} queues; at most {limit:,} are taken.")
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
            rejected.append(RejectedRow("Not a metric's line.", printable(row)))
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


def _names_of(labels: bytes) -> tuple[str, str]:
    """(vhost, queue). Raises ValueError (UnicodeDecodeError is one) where they cannot be read."""
    if b"\\" not in labels and labels.startswith(b'vhost="') and labels.endswith(b'"'):
        # The usual case, without escapes: then a quote can only end a value.
        vhost, separator, name = labels[7:-1].partition(b'",queue="')
        if separator and b'"' not in name:
            return vhost.decode(), name.decode()
    found = _labels(labels)
    try:
        return found["vhost"], found["queue"]
    except KeyError:
        raise ValueError("The row names no queue.") from None


def _labels(text: bytes) -> dict[str, str]:
    found: dict[str, str] = {}
    position = 0
    while position < len(text):
        match = _LABEL.match(text, position)
        if match is None:
            raise ValueError("The labels cannot be read.")
        value = _ESCAPE.sub(lambda escape: _ESCAPED.get(escape[1], escape[0]), match[2])
        found[match[1].decode()] = value.decode()
        position = match.end()
    return found


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
        raise ValueError("The number of messages is absurd.")
    return number


def _sum(values: Values) -> int:
    try:
        return sum(map(int, values.values()))
    except ValueError:
        return sum(int(value) for value in values.values() if value.isdigit() and len(value) < 20)
