"""Read an answer within its bounds, and map exceptions of the HTTP library to BrokerError."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpcore2

from console.rabbitmq.errors import (
    AnswerTooLarge,
    BrokerError,
    ConnectionLost,
    MalformedAnswer,
    Redirected,
    TimedOut,
    Unreachable,
)
from console.rabbitmq.http.wire import Exchange
from console.rabbitmq.text import printable

_REFUSAL_BYTES = 64_000


def header(response: httpcore2.Response, name: bytes) -> str:
    """Return all values of a header, joined; "" if it is missing."""
    values = [value for key, value in response.headers if key.lower() == name]
    return b", ".join(values).decode("latin-1")


@contextlib.contextmanager
def opened(
    pool: httpcore2.ConnectionPool, request: httpcore2.Request
) -> Iterator[httpcore2.Response]:
    response = pool.handle_request(request)
    try:
        _must_be_plain(response)
        yield response
    finally:
        response.close()


def _must_be_plain(response: httpcore2.Response) -> None:
    if 300 <= response.status < 400:
        raise Redirected(_where_to(response), status=response.status)
    encoding = header(response, b"content-encoding").strip().lower()
    if encoding not in ("", "identity"):
        raise MalformedAnswer(
            f"The answer is compressed ({printable(encoding, 40)}), although the console "
            "didn't request it."
        )
    framed = header(response, b"content-length") or "chunked" in header(
        response, b"transfer-encoding"
    )
    if not framed and response.status != 204:
        # Such an answer ends when the connection closes, so a truncated one would look complete.
        raise MalformedAnswer("The answer doesn't state its length.")


def _where_to(response: httpcore2.Response) -> str:
    said = f"The address answers with a redirect ({response.status})"
    with contextlib.suppress(ValueError):
        target = urlsplit(header(response, b"location"))
        if target.scheme and target.hostname:
            port = f":{target.port}" if target.port else ""
            return f"{said} to {printable(f'{target.scheme}://{target.hostname}{port}')}."
    return f"{said}."


def pieces(response: httpcore2.Response, exchange: Exchange, cap: int) -> Iterator[bytes]:
    announced = header(response, b"content-length")
    too_large = f"The answer is larger than {cap:,} bytes."
    if announced.isdecimal() and len(announced) < 20 and int(announced) > cap:
        raise AnswerTooLarge(too_large, status=response.status)
    taken = 0
    for piece in response.iter_stream():
        taken += len(piece)
        if taken > cap:
            raise AnswerTooLarge(too_large, status=response.status)
        exchange.deadline.remaining()
        yield piece


def beginning(response: httpcore2.Response) -> bytes:
    """Return the start of an error body, up to _REFUSAL_BYTES: only the status matters."""
    body = b""
    for piece in response.iter_stream():
        body += piece
        if len(body) > _REFUSAL_BYTES:
            break
    return body[:_REFUSAL_BYTES]


@contextlib.contextmanager
def mapped_errors(exchange: Exchange) -> Iterator[None]:
    """Map exceptions of httpcore2 and of the layers below to ours, in this one place."""
    try:
        yield
    except BrokerError:
        raise
    except Exception as error:
        raise mapped(error, cut=exchange.cut) from error


def mapped(error: Exception, *, cut: bool = False) -> BrokerError:
    """Map an exception of httpcore2, or of a layer below it, to a BrokerError.

    `cut`: the connection was already closed. An exception that isn't a transport's is a bug of ours
    and is raised unchanged.
    """
    if isinstance(error, (httpcore2.TimeoutException, TimeoutError)):
        return TimedOut("No complete answer in time.")
    if isinstance(error, (httpcore2.ProxyError, httpcore2.UnsupportedProtocol)):
        return Unreachable("The address can't be used.")
    if isinstance(error, httpcore2.ConnectError):
        return Unreachable("The connection couldn't be established.")
    if isinstance(error, (httpcore2.NetworkError, httpcore2.ConnectionNotAvailable)) or cut:
        return ConnectionLost()
    if isinstance(error, httpcore2.LocalProtocolError):
        return Unreachable("The request can't be sent unchanged.")
    if isinstance(error, httpcore2.ProtocolError):
        return MalformedAnswer("The answer isn't valid HTTP.")
    if isinstance(error, OSError):
        return ConnectionLost()
    raise error
