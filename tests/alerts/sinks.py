"""Servers of this machine that stand for the services of channels: HTTP and SMTP, and what they got."""

from __future__ import annotations

import email
import email.policy
import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class HttpSink:
    """Answers each POST with `status`, or as `answer` says; `got` has (path, headers, JSON body)."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, str], Any]] = []
        self.status = 200
        self.hold = threading.Event()
        self.hold.set()
        sink = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                sink.got.append((self.path, dict(self.headers), json.loads(body or b"null")))
                sink.hold.wait(60)
                self.send_response(sink.status)
                if sink.status in (301, 302, 307):
                    self.send_header("Location", "http://169.254.169.254/latest/meta-data/")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def do_GET(self) -> None:
                sink.got.append((self.path, dict(self.headers), None))
                self.send_response(sink.status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"OK")

            def log_message(self, *arguments: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port

    @property
    def titles(self) -> list[str]:
        return [body["title"] for _, _, body in self.got]


@contextmanager
def http_sink() -> Iterator[HttpSink]:
    sink = HttpSink()
    thread = threading.Thread(target=sink.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield sink
    finally:
        sink.hold.set()
        sink.server.shutdown()
        sink.server.server_close()


class SmtpSink:
    def __init__(self) -> None:
        self.got: list[email.message.EmailMessage] = []
        self.recipients: list[str] = []
        sink = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                say = lambda text: self.wfile.write(text + b"\r\n")  # noqa: E731
                say(b"220 sink")
                for line in self.rfile:
                    verb = line[:4].upper()
                    if verb == b"EHLO":
                        say(b"250 sink")
                    elif verb == b"RCPT":
                        sink.recipients.append(line.decode().split("<")[1].split(">")[0])
                        say(b"250 ok")
                    elif verb == b"DATA":
                        say(b"354 go on")
                        lines = []
                        for part in self.rfile:
                            if part == b".\r\n":
                                break
                            lines.append(part)
                        found = email.message_from_bytes(
                            b"".join(lines), policy=email.policy.default
                        )
                        sink.got.append(found)  # type: ignore[arg-type]
                        say(b"250 kept")
                    elif verb == b"QUIT":
                        say(b"221 bye")
                        return
                    else:
                        say(b"250 ok")

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]


@contextmanager
def smtp_sink() -> Iterator[SmtpSink]:
    sink = SmtpSink()
    threading.Thread(target=sink.server.serve_forever, daemon=True).start()
    try:
        yield sink
    finally:
        sink.server.shutdown()
        sink.server.server_close()
