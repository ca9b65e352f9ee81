"""The first words of an AMQP server: what it is, and how one can authenticate."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import Any

from pika import frame, spec
from pika.exceptions import AMQPError

from console.rabbitmq.errors import ConnectionLost, MalformedAnswer, TimedOut
from console.rabbitmq.network.deadline import Deadline

_MOST_BYTES = 65_536
_HELLO = b"AMQP\x00\x00\x09\x01"
_NO_AMQP = "The server at this address doesn't speak AMQP 0-9-1."


@dataclass(frozen=True, slots=True)
class Greeting:
    """What the server reports of itself; "" if it doesn't."""

    product: str
    version: str
    mechanisms: tuple[str, ...]


def read_greeting(connection: socket.socket, deadline: Deadline) -> Greeting:
    """Say hello, and return the answer. No user or password is sent. Raises MalformedAnswer if it
    isn't AMQP 0-9-1, ConnectionLost, TimedOut."""
    received = b""
    try:
        connection.settimeout(deadline.remaining())
        connection.sendall(_HELLO)
        while (found := _start_of(received)) is None:
            connection.settimeout(deadline.remaining())
            more = connection.recv(4096)
            if not more:
                raise ConnectionLost("The server closed the connection instead of answering.")
            received += more
    except TimeoutError:
        raise TimedOut("The server didn't answer over AMQP in time.") from None
    except OSError as error:
        raise ConnectionLost("The connection broke before the server answered.") from error
    about: dict[str, Any] = found.server_properties or {}
    mechanisms = found.mechanisms or ""
    if isinstance(mechanisms, bytes):
        mechanisms = mechanisms.decode("utf-8", "replace")
    return Greeting(
        _text(about.get("product")), _text(about.get("version")), tuple(mechanisms.split())
    )


def _start_of(received: bytes) -> spec.Connection.Start | None:
    """Return the server's first method; None if more bytes are needed. Raises MalformedAnswer."""
    if received[:2] == b"\x15\x03":
        raise MalformedAnswer("This port speaks TLS, and the console spoke plain AMQP.")
    if (received[:1] not in (b"", b"\x01")) or len(received) > _MOST_BYTES:
        raise MalformedAnswer(_NO_AMQP)
    try:
        _, found = frame.decode_frame(received)
    except (AMQPError, ValueError, KeyError, IndexError, TypeError) as error:
        raise MalformedAnswer(_NO_AMQP) from error
    if found is None:
        return None
    method = getattr(found, "method", None)
    if not isinstance(method, spec.Connection.Start):
        raise MalformedAnswer(_NO_AMQP)
    return method


def _text(value: object) -> str:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return value[:200] if isinstance(value, str) else ""
