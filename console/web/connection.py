"""One client's connection: the received part of its request, and whether it is complete."""

from __future__ import annotations

import re
import socket
import time
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from gunicorn import http  # type: ignore[import-untyped]
from gunicorn.http.unreader import Unreader  # type: ignore[import-untyped]
from gunicorn.workers.gthread import TConn  # type: ignore[import-untyped]

#: Seconds for the head of a request, and for the whole request, from its first byte (for a new
#: connection: from the start).
HEAD_S, WHOLE_S = 10.0, 60.0
#: Seconds for which a client may take nothing of its response.
SEND_S = 20.0
#: Bytes of the first line (the same as gunicorn's limit_request_line), of a head, and of a whole
#: request: a little more than the largest upload of a page (console/faces/pages/uploads.py).
MOST_LINE, MOST_HEAD, MOST_BYTES = 4094, 64 * 1024, 33 * 1024 * 1024
_PIECE = 256 * 1024
_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length[ \t]*:[ \t]*([0-9]{1,15})[ \t]*(?=\r\n)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding[ \t]*:", re.IGNORECASE)
_EXPECT = re.compile(rb"\r\nexpect[ \t]*:[ \t]*100-continue[ \t]*(?=\r\n)", re.IGNORECASE)


class Received(Unreader):  # type: ignore[misc]
    """What gunicorn's parser reads instead of the socket: the received bytes, and then the end. So
    a thread never waits for a client."""

    def __init__(self) -> None:
        super().__init__()
        self.data = bytearray()
        self._at = 0

    def chunk(self, size_hint: int | None = None) -> bytes:
        size = min(max(size_hint or 0, 8192), _PIECE)
        piece = bytes(self.data[self._at : self._at + size])
        self._at += len(piece)
        return piece

    def forget_what_was_read(self) -> None:
        """Keep only what belongs to the next request of the connection."""
        self.data = bytearray(self.take_buffered() + self.data[self._at :])
        self._at = 0


class _Client(socket.socket):
    """A socket that treats a client that takes nothing for SEND_S as disconnected."""

    def sendall(self, *args: Any) -> None:
        try:
            super().sendall(*args)
        except TimeoutError as error:
            raise BrokenPipeError(32, "The client takes nothing.") from error


class Connection(TConn):  # type: ignore[misc]
    """One client's connection. `until`: when it is closed if its request isn't complete.
    `ready_at`: when the request was complete."""

    def __init__(self, cfg: Any, sock: socket.socket, client: Any, server: Any) -> None:
        super().__init__(cfg, _Client(fileno=sock.detach()), client, server)
        self.received = Received()
        self.parser = http.get_parser(cfg, iter(()), client)
        self.parser.unreader = self.received
        # Otherwise gunicorn would wait for data, and create a parser that reads the socket.
        self.initialized = self.data_ready = True
        self.ready_at = 0.0
        #: Bytes that the worker counts for this connection.
        self.held = 0
        self.await_request(time.monotonic())

    @property
    def head(self) -> bytes:
        """The first line and headers; empty until they have arrived."""
        end = self.received.data.find(_END)
        return bytes(self.received.data[: end + 2]) if end >= 0 else b""

    @property
    def path(self) -> bytes:
        """The path of the request without its query; empty if there is none."""
        words = bytes(self.received.data[: MOST_LINE + 2]).partition(b"\r\n")[0].split(b" ")
        return words[1].partition(b"?")[0] if len(words) > 1 else b""

    def init(self) -> None:
        """Set how long the thread may wait for the client to take the response."""
        self.sock.settimeout(SEND_S)

    def await_request(self, now: float) -> None:
        """Begin with the next request of this connection."""
        self.received.forget_what_was_read()
        self.until = now + HEAD_S
        self._began = now
        self._body_at = 0
        self._length: int | None = None
        self._chunk_at = 0

    def receive(self) -> bool:
        """Read what has arrived; return whether the client is still connected. Raises OSError."""
        self.sock.setblocking(False)
        try:
            piece = self.sock.recv(_PIECE)
        except (BlockingIOError, InterruptedError):
            return True
        self.received.data += piece
        return bool(piece)

    def is_complete(self) -> bool:
        """Whether the request is complete, or one that gunicorn refuses."""
        data = self.received.data
        if not self._body_at:
            if not data:
                return False
            if not 65 <= data[0] <= 90:  # no method: perhaps TLS
                return True
            head = self.head
            if not head:
                return False
            self._body_at = self._chunk_at = len(head) + 2
            self.until = self._began + WHOLE_S
            length = _LENGTH.search(head)
            chunked = _CHUNKED.search(head)
            if chunked and length:
                return True  # gunicorn reports that both aren't allowed
            self._length = None if chunked else int(length[1]) if length else 0
            if expects := _EXPECT.search(head):
                # The client waits for this before it sends the body; gunicorn needn't send it
                # again.
                del data[expects.start() : expects.end()]
                self._body_at = self._chunk_at = self._body_at - len(expects[0])
                with suppress(OSError):
                    self.sock.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        if self._length is not None:
            return len(data) - self._body_at >= self._length
        return self._has_last_chunk()

    def too_large(self) -> HTTPStatus | None:
        """Return the status to refuse a request that is too large; None if it isn't so far. Call it
        after `is_complete`."""
        data = self.received.data
        if len(data) > MOST_LINE and data.find(b"\r\n", 0, MOST_LINE + 2) < 0:
            return HTTPStatus.REQUEST_URI_TOO_LONG
        if not self._body_at and len(data) > MOST_HEAD:
            return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        if self._body_at and max(self._length or 0, len(data) - self._body_at) > MOST_BYTES:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        return None

    def _has_last_chunk(self) -> bool:
        data = self.received.data
        while (end := data.find(b"\r\n", self._chunk_at)) >= 0:
            try:
                size = int(data[self._chunk_at : end].partition(b";")[0], 16)
            except ValueError:
                return True  # gunicorn reports what is wrong
            if size <= 0:
                return data.find(_END, end) >= 0
            if len(data) < end + size + 4:
                return False
            self._chunk_at = end + size + 4
        return len(data) - self._chunk_at > 1000

    def has_left(self) -> bool:
        """Whether the client has closed the connection, so that nobody reads the response."""
        try:
            return not self.sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            return True

    def refuse(self, answer: bytes) -> None:
        """Send a short response without waiting. The caller closes the connection."""
        with suppress(OSError):
            self.sock.setblocking(False)
            self.sock.send(answer)
