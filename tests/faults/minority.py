"""A cluster in minority, before a real broker: it takes a write without answering, shows what it was
before, and refuses the next write of the same.

    with Minority(live_broker.url) as cluster:
        ...  # writes through cluster.url reach the broker; their answers are dropped
        cluster.refuse(400, "user_already_exists")  # writes are refused now, not passed on
        cluster.heal()  # reads show what there is, and writes go through
"""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

_PASSED_ON = ("authorization", "content-type", "accept")


class Minority:
    """`stale`: reads of paths that begin with it are answered with 404, until it is healed. `writes` are
    the (method, path, status) as they were answered, 0 where the answer was dropped. `stale_reads`: how
    many reads are answered with 404 once something was written. `cut_reads`: whether they get no answer."""

    def __init__(self, url: str, *, stale: str = "") -> None:
        upstream = urlsplit(url)
        self.writes: list[tuple[str, str, int]] = []
        self.stale_reads = 0
        self.cut_reads = False
        self._refusal: tuple[int, str] | None = None
        self._on_refusal: Callable[[], object] | None = None
        self._stale = stale
        self._whole = False
        cluster = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                hidden = cluster._stale and self.path.startswith(cluster._stale)
                if cluster.cut_reads:
                    self.close_connection = True
                elif hidden and not cluster._whole:
                    self._say(404, "Not Found")
                elif hidden and cluster.writes and cluster.stale_reads:
                    cluster.stale_reads -= 1
                    self._say(404, "Not Found")
                else:
                    self._answer(*self._pass_on(b""))

            def do_PUT(self) -> None:
                self._write()

            def do_POST(self) -> None:
                self._write()

            def do_DELETE(self) -> None:
                self._write()

            def _write(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                if cluster._refusal is not None:
                    status, reason = cluster._refusal
                    cluster.writes.append((self.command, self.path, status))
                    if cluster._on_refusal is not None:
                        cluster._on_refusal()
                    self._say(status, reason)
                    return
                answer = self._pass_on(body)
                if cluster._whole:
                    cluster.writes.append((self.command, self.path, answer[0]))
                    self._answer(*answer)
                    return
                cluster.writes.append((self.command, self.path, 0))
                self.close_connection = True

            def _pass_on(self, body: bytes) -> tuple[int, str, bytes]:
                connection = http.client.HTTPConnection(str(upstream.hostname), upstream.port)
                given = {n: v for n, v in self.headers.items() if n.lower() in _PASSED_ON}
                connection.request(self.command, self.path, body or None, given)
                answer = connection.getresponse()
                text = answer.read()
                connection.close()
                return answer.status, answer.headers.get("Content-Type", ""), text

            def _say(self, status: int, reason: str) -> None:
                text = json.dumps({"error": "bad_request", "reason": reason}).encode()
                self._answer(status, "application/json", text)

            def _answer(self, status: int, content_type: str, text: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", content_type)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def refuse(self, status: int, reason: str, *, then: Callable[[], object] | None = None) -> None:
        """`then` is called before the refusal is answered."""
        self._refusal, self._on_refusal = (status, reason), then

    def heal(self) -> None:
        self._whole, self._refusal = True, None

    def __enter__(self) -> Minority:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
