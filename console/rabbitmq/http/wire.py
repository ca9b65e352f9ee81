"""The bytes below HTTP: connections to checked addresses, under one deadline and one byte limit.

httpcore2's own timeouts restart with every read, so a broker that sends one byte at a time would
hold a thread forever. Here every wait of an exchange — DNS lookup, connect, handshake, headers,
body — is limited to what is left of that exchange's deadline.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import httpcore2

from console.rabbitmq.endpoint import AddressPolicy, Timeouts
from console.rabbitmq.errors import AnswerTooLarge, TimedOut
from console.rabbitmq.network.addresses import open_connection
from console.rabbitmq.network.deadline import Deadline
from console.rabbitmq.network.tls import client_certificate_failure, tls_failure

_KEEPALIVE_SECONDS = 15.0
_MAX_CONNECTIONS = 8


class Exchange:
    """One request and its answer: deadline, byte limit and the state of its connection."""

    def __init__(self, timeouts: Timeouts, max_wire_bytes: int) -> None:
        self.deadline = Deadline(timeouts.total)
        self.timeouts = timeouts
        self.max_wire_bytes = max_wire_bytes
        self.received = 0
        #: The connection served another exchange before, so it may have died while idle.
        self.reused = False
        #: The other side closed the connection before the answer was complete.
        self.cut = False


_thread = threading.local()


@contextlib.contextmanager
def under(exchange: Exchange) -> Iterator[None]:
    """Assign every connection that this thread uses within the block to `exchange`."""
    outer = getattr(_thread, "exchange", None)
    _thread.exchange = exchange
    try:
        yield
    finally:
        _thread.exchange = outer


def _current() -> Exchange:
    exchange: Exchange = _thread.exchange
    return exchange


def pinned_pool(policy: AddressPolicy, context: ssl.SSLContext) -> httpcore2.ConnectionPool:
    """Return a pool of kept-alive connections that go to checked addresses only. No proxies."""
    return httpcore2.ConnectionPool(
        ssl_context=context,
        max_connections=_MAX_CONNECTIONS,
        max_keepalive_connections=_MAX_CONNECTIONS,
        keepalive_expiry=_KEEPALIVE_SECONDS,
        network_backend=_PinnedBackend(policy),
    )


class _PinnedBackend(httpcore2.NetworkBackend):
    def __init__(self, policy: AddressPolicy) -> None:
        self._policy = policy

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        exchange = _current()
        connection = open_connection(
            host, port, self._policy, exchange.deadline, exchange.timeouts.connect
        )
        return _BoundedStream(connection, host, exchange)


class _BoundedStream(httpcore2.NetworkStream):
    def __init__(self, connection: socket.socket, host: str, exchange: Exchange) -> None:
        self._socket = connection
        self._host = host
        self._owner = exchange

    def _exchange(self) -> Exchange:
        exchange = _current()
        if exchange is not self._owner:
            exchange.reused = True
            self._owner = exchange
        return exchange

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        exchange = self._exchange()
        self._socket.settimeout(exchange.deadline.at_most(timeout))
        try:
            data = self._socket.recv(max_bytes)
        except TimeoutError as error:
            exchange.deadline.remaining()
            raise TimedOut("The broker stopped sending before its answer was complete.") from error
        except OSError as error:
            exchange.cut = True
            if (refused := client_certificate_failure(error)) is not None:
                raise refused from error
            raise httpcore2.ReadError(str(error)) from error
        exchange.received += len(data)
        exchange.cut = not data
        if exchange.received > exchange.max_wire_bytes:
            raise AnswerTooLarge(f"The answer is larger than {exchange.max_wire_bytes:,} bytes.")
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        exchange = self._exchange()
        left = memoryview(buffer)
        try:
            while left:
                self._socket.settimeout(exchange.deadline.at_most(timeout))
                left = left[self._socket.send(left) :]
        except TimeoutError as error:
            raise TimedOut("The broker didn't accept the request in time.") from error
        except OSError as error:
            exchange.cut = True
            # httpcore2 then reads the answer: a server may answer and close before it has read the
            # whole request.
            raise httpcore2.WriteError(str(error)) from error

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.NetworkStream:
        exchange = self._exchange()
        try:
            # The socket's timeout bounds the handshake as a whole, not each read of it.
            self._socket.settimeout(exchange.deadline.at_most(exchange.timeouts.connect))
            secured = ssl_context.wrap_socket(self._socket, server_hostname=server_hostname)
        except TimeoutError as error:
            self.close()
            raise TimedOut("The TLS handshake took too long.") from error
        except (OSError, ValueError) as error:
            self.close()
            raise tls_failure(error, self._host) from error
        return _BoundedStream(secured, self._host, exchange)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.close()

    def get_extra_info(self, info: str) -> Any:
        if info == "socket":
            return self._socket
        if info == "ssl_object" and isinstance(self._socket, ssl.SSLSocket):
            return self._socket
        if info == "is_readable":
            return _has_something_to_read(self._socket)
        return None


def _has_something_to_read(connection: socket.socket) -> bool:
    """Return whether an idle connection is readable: the other side has closed it, or it is broken."""
    if connection.fileno() < 0:
        return True
    # poll, not select: a worker may have more than 1024 open descriptors.
    poller = select.poll()
    poller.register(connection.fileno(), select.POLLIN)
    return bool(poller.poll(0))
