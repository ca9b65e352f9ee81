"""Counters of messages per queue and per exchange, from the answer that also has the depths.

RabbitMQ 4 counts per queue and exchange. Before that, it counts per channel as well: the counters
of a channel go when it closes, so what it counted since the last scrape is never seen. A node
reports only its own clients, and counts from 0 when it starts.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Literal

from console.rabbitmq.prometheus.values import Metrics, Values, number, numbers, values
from console.rabbitmq.types import RejectedRow

#: RabbitMQ counts per queue since 4.0, else per channel and queue.
Style = Literal["queue", "channel"]

#: By part: the family, and the metrics in the order of the counters in a row.
_PARTS: Mapping[Style, Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "queue": {
        "deliveries": (
            "queue_delivery_metrics",
            (
                "queue_messages_delivered_ack_total", "queue_messages_delivered_total",
                "queue_messages_acked_total", "queue_messages_redelivered_total",
                "queue_get_ack_total", "queue_get_total",
            ),
        ),
        "routed": ("queue_exchange_metrics", ("queue_exchange_messages_published_total",)),
        "exchanges": (
            "exchange_metrics",
            (
                "exchange_messages_published_total",
                "exchange_messages_unroutable_returned_total",
                "exchange_messages_unroutable_dropped_total",
            ),
        ),
    },
    "channel": {
        "deliveries": (
            "channel_queue_metrics",
            (
                "channel_messages_delivered_ack_total", "channel_messages_delivered_total",
                "channel_messages_acked_total", "channel_messages_redelivered_total",
                "channel_get_ack_total", "channel_get_total",
            ),
        ),
        "routed": ("channel_queue_exchange_metrics", ("queue_messages_published_total",)),
        "exchanges": (
            "channel_exchange_metrics",
            (
                "channel_messages_published_total",
                "channel_messages_unroutable_returned_total",
                "channel_messages_unroutable_dropped_total",
            ),
        ),
    },
}  # fmt: skip
#: The number of quotes in the labels of each part.
_QUOTES: Mapping[Style, tuple[int, int, int]] = {"queue": (4, 6, 4), "channel": (6, 10, 6)}
_PREFIX = "rabbitmq_detailed_"

#: Labels as sent, to the counters.
Rows = dict[bytes, tuple[int, ...]]


def style_of(version: str) -> Style:
    """Return how a broker of this version counts."""
    major = version.partition(".")[0]
    return "queue" if major.isdecimal() and int(major) >= 4 else "channel"


def families(style: Style) -> list[str]:
    """Return the families of metrics to request."""
    return [family for family, _ in _PARTS[style].values()]


@dataclass(frozen=True, slots=True)
class Counters:
    """The counters of one node's clients since the node started.

    `read_at` is in epoch seconds by the clock of the database. The counters of `deliveries` are:
    delivered with and without acknowledgement, acknowledged, redelivered, fetched with and without
    acknowledgement. Those of `routed`: published to a queue through an exchange. Those of
    `exchanges`: published, returned and dropped. `size` is their part of the answer in bytes.
    `unreadable` counts rows that were left out.
    """

    node: str
    style: Style
    read_at: float
    deliveries: Rows
    routed: Rows
    exchanges: Rows
    size: int = 0
    unreadable: int = 0

    def parts(self) -> tuple[Rows, Rows, Rows]:
        return self.deliveries, self.routed, self.exchanges

    def odd(self) -> bool:
        """Return whether some labels can be decoded only with spellings of known names."""
        return any(
            b"\\" in together or together.count(b'"') != quotes * len(rows)
            for rows, quotes in zip(self.parts(), _QUOTES[self.style], strict=True)
            for together in [b"".join(rows)]
        )


def counters_in(
    metrics: Metrics, node: str, style: Style, *, read_at: float, limit: int
) -> Counters:
    """Return the counters in a scrape's answer. Raises AnswerTooLarge for more than `limit` rows
    of one metric."""
    rejected: list[RejectedRow] = []
    size = 0
    parts: dict[str, Rows] = {}
    for part, (_family, names) in _PARTS[style].items():
        columns = []
        for metric in names:
            name = (_PREFIX + metric).encode()
            found = values(metrics, name, limit, rejected)
            column = _counted(found, rejected)
            size += len(column) * (len(name) + 5)
            size += sum(map(len, column)) + sum(len(found[labels]) for labels in column)
            columns.append(column)
        parts[part] = _together(columns)
    return Counters(node, style, read_at, size=size, unreadable=len(rejected), **parts)


def _counted(found: Values, rejected: list[RejectedRow]) -> dict[bytes, int]:
    """Return the rows that are counters."""
    at_once = numbers(found.values()) if found else []
    if at_once is not None:
        return dict(zip(found, at_once, strict=True))
    counted: dict[bytes, int] = {}
    for labels, value in found.items():
        try:
            count = number(value)
        except ValueError:
            count = None
        if count is None:
            rejected.append(RejectedRow("Not a counter.", ""))
        else:
            counted[labels] = count
    return counted


def _together(columns: Sequence[dict[bytes, int]]) -> Rows:
    """Return the rows of several metrics by their labels; 0 where a metric has no such row."""
    first = columns[0]
    if all(column.keys() == first.keys() for column in columns):
        return {labels: tuple([column[labels] for column in columns]) for labels in first}
    every = {labels: None for column in columns for labels in column}
    return {labels: tuple([column.get(labels, 0) for column in columns]) for labels in every}


def pack(counters: Iterable[Counters]) -> bytes:
    """Return the counters as bytes, for `unpack`. For each node a head; then for each part a line
    with all numbers, row by row, and a line for the labels of each row, which hold no line end."""
    lines: list[bytes] = []
    for one in counters:
        counts = [len(rows) for rows in one.parts()]
        head = {"node": one.node, "style": one.style, "read_at": one.read_at, "rows": counts}
        lines.append(json.dumps(head).encode())
        for rows in one.parts():
            lines.append(" ".join(map(str, chain.from_iterable(rows.values()))).encode())
            lines += rows
    return zlib.compress(b"\n".join(lines), 1)


def unpack(packed: bytes) -> list[Counters]:
    """Return the counters in `pack`'s bytes. Raises ValueError if they are none."""
    try:
        lines = iter(zlib.decompress(packed).split(b"\n"))
    except zlib.error as error:
        raise ValueError(str(error)) from None
    found: list[Counters] = []
    for line in lines:
        if not line:
            continue
        head = json.loads(line)
        parts: list[Rows] = []
        for rows, (_, metrics) in zip(head["rows"], _PARTS[head["style"]].values(), strict=True):
            every = iter(list(map(int, next(lines).split())))
            by_row = zip(*[every] * len(metrics), strict=True)
            parts.append(dict(zip(islice(lines, rows), by_row, strict=True)))
        deliveries, routed, exchanges = parts
        found.append(
            Counters(head["node"], head["style"], head["read_at"], deliveries, routed, exchanges)
        )
    return found
