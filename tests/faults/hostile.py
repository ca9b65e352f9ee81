"""A web server that misbehaves on purpose, for the faults that a real broker won't produce.

    with HostileServer(trickled_body()) as server:
        ...  # server.url, server.requests, server.connections

A behaviour is a function of one `Conversation`; whatever it leaves open is closed when the server
stops. Every wait in here ends with the server, so no test can leave a thread behind.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field

JSON = "application/json"


@dataclass
class Request:
    """`target` is the path and query exactly as they came."""

    method: str
    target: str
    headers: dict[str, str]


@dataclass
class Conversation:
    connection: socket.socket
    request: Request
    #: How many requests this connection has brought, this one included.
    number: int
    stopping: threading.Event

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)

    def reply(
        self, body: bytes, *, status: str = "200 OK", content_type: str = JSON, **headers: str
    ) -> None:
        """A proper answer. `headers`: underscores stand for dashes."""
        lines = [f"HTTP/1.1 {status}", f"Content-Type: {content_type}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        if not any(line.lower().startswith(("content-length", "transfer-enc")) for line in lines):
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def wait(self, seconds: float) -> None:
        """Sleep, or less when the server stops."""
        if self.stopping.wait(seconds):
            raise ConnectionAbortedError


Behaviour = Callable[[Conversation], None]


@dataclass
class HostileServer:
    behaviour: Behaviour
    tls: ssl.SSLContext | None = None
    requests: list[Request] = field(default_factory=list)
    connections: int = 0

    def __enter__(self) -> HostileServer:
        self._stopping = threading.Event()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=50)
        self.port: int = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.add(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, EOFError), contextlib.closing(connection):
            if self.tls is not None:
                connection = self.tls.wrap_socket(connection, server_side=True)
                self._open.add(connection)
            number = 0
            while not self._stopping.is_set():
                request = _read_request(connection)
                self.requests.append(request)
                number += 1
                self.behaviour(Conversation(connection, request, number, self._stopping))


def _read_request(connection: socket.socket) -> Request:
    received = b""
    while b"\r\n\r\n" not in received:
        more = connection.recv(65536)
        if not more:
            raise EOFError
        received += more
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    left = int(headers.get("content-length", "0")) - len(body)
    while left > 0:
        left -= len(connection.recv(65536))
    return Request(method, target, headers)


def replies(
    body: bytes, *, status: str = "200 OK", content_type: str = JSON, **headers: str
) -> Behaviour:
    return lambda talk: talk.reply(body, status=status, content_type=content_type, **headers)


def says_nothing() -> Behaviour:
    return lambda talk: talk.wait(60)


def trickles_headers(every: float = 0.05) -> Behaviour:
    def behave(talk: Conversation) -> None:
        talk.send(b"HTTP/1.1 200 OK\r\n")
        while True:
            talk.send(b"X-Slow: 1\r\n")
            talk.wait(every)

    return behave


def trickles_body(every: float = 0.05) -> Behaviour:
    def behave(talk: Conversation) -> None:
        talk.send(
            f"HTTP/1.1 200 OK\r\nContent-Type: {JSON}\r\nContent-Length: 90000\r\n\r\n".encode()
        )
        while True:
            talk.send(b" ")
            talk.wait(every)

    return behave


def redirects(to: str) -> Behaviour:
    return replies(b"", status="302 Found", Location=to)


def streams_for_ever(*, announced: int | None = None, limit: int = 400_000_000) -> Behaviour:
    """`limit` bytes of JSON white space, chunked or of an announced length."""

    def behave(talk: Conversation) -> None:
        framing = f"Content-Length: {announced}" if announced else "Transfer-Encoding: chunked"
        talk.send(f"HTTP/1.1 200 OK\r\nContent-Type: {JSON}\r\n{framing}\r\n\r\n".encode())
        piece = b" " * 65536
        chunk = piece if announced else b"10000\r\n" + piece + b"\r\n"
        for _ in range(limit // len(piece)):
            talk.send(chunk)

    return behave


def sends_gzip(size: int) -> Behaviour:
    """A small answer that would unpack to `size` bytes of white space within brackets."""
    packer = zlib.compressobj(9, wbits=31)
    parts = [
        packer.compress(b"["),
        *(packer.compress(b" " * 1_000_000) for _ in range(size // 1_000_000)),
    ]
    bomb = b"".join([*parts, packer.compress(b"]"), packer.flush()])
    return replies(bomb, Content_Encoding="gzip")


def cuts_after(body: bytes, announced: int) -> Behaviour:
    """Announces more than it sends, then closes."""

    def behave(talk: Conversation) -> None:
        talk.reply(body, Content_Length=str(announced))
        raise ConnectionAbortedError

    return behave


def resets_after(body: bytes, announced: int) -> Behaviour:
    """Announces more than it sends, then breaks the connection with RST."""

    def behave(talk: Conversation) -> None:
        talk.reply(body, Content_Length=str(announced))
        talk.wait(0.05)
        talk.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise ConnectionAbortedError

    return behave


def ends_by_closing(body: bytes) -> Behaviour:
    """No length, no chunks: where the answer ends only the closing tells."""

    def behave(talk: Conversation) -> None:
        talk.send(f"HTTP/1.1 200 OK\r\nContent-Type: {JSON}\r\n\r\n".encode() + body)
        raise ConnectionAbortedError

    return behave


def sends_raw(data: bytes) -> Behaviour:
    def behave(talk: Conversation) -> None:
        talk.send(data)
        raise ConnectionAbortedError

    return behave


def dies_when_reused(body: bytes) -> Behaviour:
    """Answers the first request of each connection and drops every later one unread."""

    def behave(talk: Conversation) -> None:
        if talk.number > 1:
            raise ConnectionAbortedError
        talk.reply(body)

    return behave


def by_path(behaviours: dict[str, Behaviour]) -> Behaviour:
    """The behaviour of the path without its query; 404 for others."""

    def behave(talk: Conversation) -> None:
        missing = replies(
            b'{"error":"Object Not Found","reason":"Not Found"}', status="404 Not Found"
        )
        behaviours.get(talk.request.target.partition("?")[0], missing)(talk)

    return behave
