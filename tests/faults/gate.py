"""A gate before a real broker: a write can be stopped on its way there, or its answer on its way back.

    with Gate(live_broker.url, hold="answer") as gate:
        ...  # something writes through gate.url
        gate.held.wait(5)  # the broker has acted, and whoever asked does not know
        gate.open()  # what was held goes on its way, to whoever is still there

Reads pass, but for those of paths that are refused. A gate may rewrite paths as proxies do, and let only
reads pass.
"""

from __future__ import annotations

import contextlib
import http.client
import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import quote, unquote, urlsplit

_PASSED_ON = ("authorization", "content-type", "accept")
#: Nothing is held for longer, should a test forget to open.
_LONGEST_S = 30


def as_nginx_does(target: str) -> str:
    """What nginx's `proxy_pass` with a URI part makes of a path: decoded, slashes merged, dot segments
    resolved, encoded anew but for slashes."""
    escaped, mark, query = target.partition("?")
    merged = re.sub("/+", "/", unquote(escaped))
    kept: list[str] = []
    for part in merged.split("/"):
        if part == "..":
            kept = kept[:-1]
        elif part != ".":
            kept.append(part)
    return quote("/".join(kept), safe="/~!$&'()*+,;=:@") + mark + query


def without_merging(target: str) -> str:
    """The same with `merge_slashes off`."""
    escaped, mark, query = target.partition("?")
    return quote(unquote(escaped), safe="/~!$&'()*+,;=:@") + mark + query


def encoded_twice(target: str) -> str:
    """What nginx makes of a captured part of `$request_uri`."""
    return target.replace("%", "%25")


def refused_by_apache(target: str) -> str:
    """Apache answers 404 to a path with an escaped slash, unless told otherwise."""
    return "" if "%2f" in target.lower() else target


class Gate:
    """`hold` says where writes are stopped: the *request* before the broker has it, or the *answer*
    once the broker has acted. Reads of paths that begin with `refuse` are answered with 403. `writes`
    are the (method, path) that reached the broker, `reads` the paths that were asked for. `rewrite` gives
    the path that the broker sees of the one that was sent, "" for a 404 of the gate's own. Each answer
    names `server`."""

    def __init__(
        self,
        url: str,
        *,
        hold: Literal["request", "answer", ""] = "",
        refuse: str = "-",
        rewrite: Callable[[str], str] = str,
        only_reads: bool = False,
        server: str = "nginx/1.22.1",
    ) -> None:
        upstream = urlsplit(url)
        self.held = threading.Event()
        self.passed = threading.Event()
        self.writes: list[tuple[str, str]] = []
        self.reads: list[str] = []
        self._opened = threading.Event()
        gate = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                gate.reads.append(self.path)
                if self.path.startswith(refuse):
                    self._answer(403, "application/json", b'{"error":"forbidden","reason":"no"}')
                else:
                    self._answer(*self._ask())

            def do_PUT(self) -> None:
                self._write()

            def do_POST(self) -> None:
                self._write()

            def do_DELETE(self) -> None:
                self._write()

            def _write(self) -> None:
                if only_reads:
                    self._body()
                    answer = 403, "text/html", b"<html>403 Forbidden</html>"
                elif hold == "request":
                    body = self._body()
                    gate._stop_here()
                    answer = self._ask(body)
                else:
                    answer = self._ask()
                    if hold:
                        gate._stop_here()
                gate.passed.set()
                # Whoever asked may be dead by now.
                with contextlib.suppress(OSError):
                    self._answer(*answer)

            def _body(self) -> bytes:
                return self.rfile.read(int(self.headers.get("Content-Length", "0")))

            def _ask(self, body: bytes | None = None) -> tuple[int, str, bytes]:
                body = self._body() if body is None else body
                target = rewrite(self.path)
                if not target:
                    return 404, "text/html", b"<html>404 Not Found</html>"
                connection = http.client.HTTPConnection(str(upstream.hostname), upstream.port)
                given = {n: v for n, v in self.headers.items() if n.lower() in _PASSED_ON}
                connection.request(self.command, target, body or None, given)
                answer = connection.getresponse()
                text = answer.read()
                connection.close()
                if self.command != "GET":
                    gate.writes.append((self.command, target))
                return answer.status, answer.headers.get("Content-Type", ""), text

            def _answer(self, status: int, content_type: str, text: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def version_string(self) -> str:
                return server

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def _stop_here(self) -> None:
        self.held.set()
        self._opened.wait(_LONGEST_S)

    def open(self) -> None:
        self._opened.set()

    def __enter__(self) -> Gate:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.open()
        self._server.shutdown()
        self._server.server_close()
