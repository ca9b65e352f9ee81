"""Find the first and the last message of a stream."""

from __future__ import annotations

import time
from typing import Any

import pika

from console.rabbitmq.amqp.properties.exact import exact

#: How long a chunk may take to arrive, and to be complete once it has begun.
_FIRST_S = 3.0
_REST_S = 0.5
_MOST_S = 10.0


def end_of_stream(connection: pika.BlockingConnection, stream: str) -> tuple[int, int]:
    """Return the offset of the first message, and the one after the last: equal if it is empty."""
    first = _offsets(connection, stream, "first", prefetch=1)
    if not first:
        return 0, 0
    return first[0], max(_offsets(connection, stream, "last", prefetch=10_000) or first) + 1


def _offsets(
    connection: pika.BlockingConnection, stream: str, at: str, *, prefetch: int
) -> list[int]:
    """Return the offsets of the chunk at one end, or of its first messages."""
    found: list[int] = []

    def note(_: Any, method: Any, properties: pika.BasicProperties, __: bytes) -> None:
        offset = exact(properties).field("x-stream-offset")
        if offset is not None and isinstance(offset.value, int):
            found.append(offset.value)

    with connection.channel() as channel:
        channel.basic_qos(prefetch_count=prefetch)
        channel.basic_consume(stream, note, arguments={"x-stream-offset": at})
        ends = time.monotonic() + _MOST_S
        arrived = time.monotonic()
        while time.monotonic() < ends and len(found) < prefetch:
            before = len(found)
            connection.process_data_events(0.1)
            if len(found) > before:
                arrived = time.monotonic()
            elif time.monotonic() - arrived > (_REST_S if found else _FIRST_S):
                break
    return found
