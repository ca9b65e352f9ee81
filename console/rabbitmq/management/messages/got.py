"""Read messages over the management API, where AMQP can't be reached. POST …/get, never repeated."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec
import pika

from console.rabbitmq.amqp.message import Message
from console.rabbitmq.amqp.reading.peek import Bounds, Peeked, count_of
from console.rabbitmq.endpoint import MEGABYTE
from console.rabbitmq.errors import MalformedAnswer
from console.rabbitmq.http.exchange import must_be_json
from console.rabbitmq.http.refusals import error_for_status
from console.rabbitmq.management.answers import decoded, rows_of
from console.rabbitmq.management.client import ManagementClient
from console.rabbitmq.management.paths import queue_path

_TEXTS = (
    "content_type", "content_encoding", "correlation_id", "reply_to", "expiration", "message_id",
    "type", "user_id", "app_id", "cluster_id",
)  # fmt: skip
_NUMBERS = ("delivery_mode", "priority", "timestamp")
_HEADERS_BYTES = 16 * MEGABYTE


def peek_by_http(client: ManagementClient, vhost: str, queue: str, bounds: Bounds) -> Peeked:
    """Return messages from the head of the queue, which RabbitMQ then puts back itself, marked as
    redelivered. Header types are lost: RabbitMQ sends headers as JSON. Raises BrokerError.

    Never use it where a return counts: nobody can stop at a message that has none left.
    """
    each = max(1, min(bounds.kept_of_one, bounds.kept // bounds.messages))
    wanted = {
        "count": bounds.messages,
        "ackmode": "ack_requeue_true",
        "encoding": "base64",
        "truncate": each,
    }
    answer = client.http.exchange(
        "POST",
        queue_path(vhost, queue, "get"),
        body=msgspec.json.encode(wanted),
        accept="application/json",
        max_bytes=_HEADERS_BYTES + 2 * bounds.kept,
    )
    if not answer.ok:
        raise error_for_status(answer.status, answer.body)
    must_be_json(answer)
    rows = rows_of(decoded(answer.body))
    found = Peeked([_message(row) for row in rows])
    found.ended = "count" if len(rows) >= bounds.messages else "empty"
    last = rows[-1].get("message_count") if rows else 0
    found.left = last if isinstance(last, int) else None
    found.highest = max((count_of(message) + 1 for message in found.messages), default=0)
    return found


def _message(row: dict[str, Any]) -> Message:
    payload, size = row.get("payload"), row.get("payload_bytes")
    try:
        body = base64.b64decode(payload) if isinstance(payload, str) else b""
    except binascii.Error:
        raise MalformedAnswer("A message's payload isn't valid base64.") from None
    return Message(
        exchange=_text(row.get("exchange")),
        routing_key=_text(row.get("routing_key")),
        redelivered=row.get("redelivered") is True,
        properties=_properties(row.get("properties")),
        body=body,
        whole_size=size if isinstance(size, int) and size > len(body) else None,
    )


def _properties(given: Any) -> pika.BasicProperties:
    # An empty table is an empty list in RabbitMQ's JSON.
    found = given if isinstance(given, dict) else {}
    headers = found.get("headers")
    return pika.BasicProperties(
        headers=headers if isinstance(headers, dict) else None,
        **{name: found[name] for name in _TEXTS if isinstance(found.get(name), str)},
        **{name: found[name] for name in _NUMBERS if isinstance(found.get(name), int)},
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
