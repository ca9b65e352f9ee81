"""Messages a second, from the counters of two scrapes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from console.rabbitmq.prometheus.counters import Counters, Rows
from console.rabbitmq.prometheus.labels import Spellings, names_of

_CHANNEL = re.compile(rb'channel="[^"]*",')
#: Rates keep three digits: what differs less is noise, and would be a change at every poll.
_DIGITS = 3


class QueueRates(NamedTuple):
    """Messages a second. `deliver` is to consumers, `get` by basic.get."""

    publish: float
    deliver: float
    ack: float
    redeliver: float
    get: float


class ExchangeRates(NamedTuple):
    """Messages a second. `out` counts each message once for each queue it was routed to."""

    into: float
    out: float
    returned: float
    dropped: float


@dataclass
class Rates:
    """Rates of every queue and exchange with traffic, by (vhost, name). Others had none.

    `unreadable` counts rows whose labels could mean several names: a queue with quotes or
    backslashes in its name may then be missing.
    """

    queues: dict[tuple[str, str], QueueRates] = field(default_factory=dict)
    exchanges: dict[tuple[str, str], ExchangeRates] = field(default_factory=dict)
    unreadable: int = 0


class NotComparable(Exception):
    """The two scrapes give no rates. The text says why, as a sentence."""


def rates_between(
    before: Sequence[Counters],
    after: Sequence[Counters],
    *,
    queues: Spellings,
    exchanges: Spellings,
    longest_s: float,
) -> Rates:
    """Return the rates between two scrapes of all nodes.

    A row that is new counts in full, one that is lost adds nothing, and one below its last value
    was reset and counts from 0. A node that is missing in `after` stopped. `queues` and `exchanges`
    are spellings of names with quotes or backslashes. Raises NotComparable if a node wasn't read
    before, or longer than `longest_s` seconds ago.
    """
    known = {one.node: one for one in before}
    rates = Rates(unreadable=sum(one.unreadable for one in after))
    by_queue: dict[tuple[str, str], list[float]] = {}
    by_exchange: dict[tuple[str, str], list[float]] = {}
    for one in after:
        then = known.get(one.node)
        if then is None or then.style != one.style:
            raise NotComparable("Rates need two polls; the next poll shows them.")
        seconds = one.read_at - then.read_at
        if not 0 < seconds <= longest_s:
            raise NotComparable(
                "The counters were last read too long ago; the next poll shows rates."
            )
        for labels, (acked, unacked, ack, again, get_acked, get) in _grown(
            then.deliveries, one.deliveries
        ):
            queue = _queue(labels, queues)
            if queue is None:
                rates.unreadable += 1
                continue
            row = by_queue.setdefault(queue, [0.0] * 5)
            for position, more in enumerate((0, acked + unacked, ack, again, get_acked + get)):
                row[position] += more / seconds
        pairs = _Pairs(queues, exchanges)
        for labels, (published,) in _grown(then.routed, one.routed):
            queue, exchange = pairs.of(labels)
            if queue is not None:
                by_queue.setdefault(queue, [0.0] * 5)[0] += published / seconds
            if exchange is not None:
                by_exchange.setdefault(exchange, [0.0] * 4)[1] += published / seconds
            rates.unreadable += (queue is None) + (exchange is None)
        for labels, (published, returned, dropped) in _grown(then.exchanges, one.exchanges):
            exchange = _exchange(labels, exchanges)
            if exchange is None:
                rates.unreadable += 1
                continue
            row = by_exchange.setdefault(exchange, [0.0] * 4)
            for position, more in ((0, published), (2, returned), (3, dropped)):
                row[position] += more / seconds
    rates.queues = {key: QueueRates(*map(rounded, row)) for key, row in by_queue.items()}
    rates.exchanges = {key: ExchangeRates(*map(rounded, row)) for key, row in by_exchange.items()}
    return rates


def rounded(rate: float) -> float:
    """Return the rate with three digits."""
    return float(f"{rate:.{_DIGITS}g}") if rate else 0.0


def _grown(before: Rows, after: Rows) -> list[tuple[bytes, tuple[int, ...]]]:
    """Return the rows that counted something, with how much."""
    grown = []
    for labels, row in after.items():
        was = before.get(labels)
        if was == row:
            continue
        if was is None:
            more = row
        else:
            more = tuple(
                now - then if now >= then else now for now, then in zip(row, was, strict=True)
            )
        if any(more):
            grown.append((labels, more))
    return grown


def _queue(labels: bytes, known: Spellings) -> tuple[str, str] | None:
    return _names(_CHANNEL.sub(b"", labels, count=1), known, b"queue")


def _exchange(labels: bytes, known: Spellings) -> tuple[str, str] | None:
    return _names(_CHANNEL.sub(b"", labels, count=1), known, b"exchange")


class _Pairs:
    """The queue and exchange of rows that have both. Many rows share an exchange: each is read once."""

    def __init__(self, queues: Spellings, exchanges: Spellings) -> None:
        self._queues = queues
        self._exchanges = exchanges
        self._read: dict[bytes, tuple[str, str] | None] = {}

    def of(self, labels: bytes) -> tuple[tuple[str, str] | None, tuple[str, str] | None]:
        """Return queue and exchange; None for what can't be read.

        Both styles name a queue and an exchange of the same virtual host: `vhost="v",exchange="x",
        queue="q"`, or `channel="…",queue_vhost="v",queue="q",exchange_vhost="v",exchange="x"`.
        """
        labels = _CHANNEL.sub(b"", labels, count=1)
        if labels.startswith(b"queue_vhost="):
            queue, middle, exchange = labels.partition(b',exchange_vhost="')
            if not middle or b',exchange_vhost="' in exchange:
                return None, None
            return self._queue(queue[6:]), self._exchange(b'vhost="' + exchange)
        vhost, middle, rest = labels.partition(b',exchange="')
        exchange, second, queue = rest.partition(b'",queue="')
        if not (middle and second) or b',exchange="' in rest or b'",queue="' in queue:
            return None, None
        return (
            self._queue(b'%s,queue="%s' % (vhost, queue)),
            self._exchange(b'%s,exchange="%s"' % (vhost, exchange)),
        )

    def _queue(self, labels: bytes) -> tuple[str, str] | None:
        return _names(labels, self._queues, b"queue")

    def _exchange(self, labels: bytes) -> tuple[str, str] | None:
        if labels not in self._read:
            self._read[labels] = _names(labels, self._exchanges, b"exchange")
        return self._read[labels]


def _names(
    labels: bytes, known: Mapping[bytes, tuple[str, str]], kind: bytes
) -> tuple[str, str] | None:
    try:
        return known.get(labels) or names_of(labels, kind)
    except ValueError:
        return None
