"""gunicorn's threaded worker, which serves what it can in time and refuses the rest at once.

gunicorn hands a connection to a thread as soon as it is accepted. So a few half-sent requests
occupy all threads, and after a burst the threads work for minutes on requests whose clients have
left. Here:

- the loop reads requests; a thread gets only complete ones, and never waits for a client's bytes;
- few requests are worked on at once while the process computes (console/web/gate.py);
- beyond MOST_WAITING requests that wait for a thread, or after AGE_S of waiting, the response is
  503 with Retry-After;
- a request whose client has left before a thread is free is dropped;
- /livez and /readyz have their own thread;
- static files do not wait for the process to compute less.
"""

from __future__ import annotations

import selectors
import sys
import time
from concurrent import futures
from http import HTTPStatus
from typing import Any

from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]

from console.web.connection import Connection
from console.web.gate import Gate
from console.web.refusals import refusal

#: Most requests that may wait for a thread, and for how many seconds.
MOST_WAITING, AGE_S = 16, 0.25
#: Most bytes of incomplete requests, over all clients of a process.
MOST_HELD = 128 * 1024 * 1024
PROBES = (b"/livez", b"/readyz")
MOST_PROBES = 8
#: Seconds between two checks for requests that don't arrive, and between two log lines about how
#: much was refused.
LOOK_EVERY_S = 0.5
SAY_EVERY_S = 10.0
#: Most connections accepted in one turn of the loop.
_AT_ONCE = 32
#: Seconds for which a process leaves a new connection to the other processes: per request that it
#: has, and at most.
_YIELD_S, _MOST_YIELD_S = 0.002, 0.01
#: Seconds after which a computing thread makes room for another, so that the loop gets its turn
#: among busy threads.
_SWITCH_S = 0.001


class Worker(ThreadWorker):  # type: ignore[misc]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: Connections whose request is arriving, oldest first.
        self._reading: dict[Connection, None] = {}
        self._held = 0
        self._submitted = self._probing = self._refused = 0
        self._said_at = self._look_at = 0.0

    def init_process(self) -> None:
        sys.setswitchinterval(_SWITCH_S)
        self._probes = futures.ThreadPoolExecutor(max_workers=1)
        self._gate = Gate(self.cfg.threads)
        super().init_process()

    def accept(self, listener: Any) -> None:
        # All processes are notified of a new connection; the one with the least to do accepts
        # first.
        if self._submitted:
            time.sleep(min(self._submitted * _YIELD_S, _MOST_YIELD_S))
        for _ in range(_AT_ONCE):
            try:
                sock, client = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            if self.nr_conns >= self.worker_connections - 1 and self._reading:
                self._give_up(next(iter(self._reading)))
            self.nr_conns += 1
            connection = Connection(self.cfg, sock, client, listener.getsockname())
            self._read(connection)
            if self.nr_conns >= self.worker_connections:
                return

    def on_client_socket_readable(self, conn: Connection, client: Any) -> None:
        """A kept-alive connection has its next request."""
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        conn.await_request(time.monotonic())
        self._read(conn)

    def _read(self, conn: Connection) -> None:
        """Read what has arrived, and register for more; hand over or refuse a complete request."""
        try:
            there = conn.receive()
        except OSError:
            there = False
        if not there:
            self._close(conn)
            return
        complete = conn.is_complete()
        if too_large := conn.too_large():
            self._refuse(conn, too_large)
        elif complete:
            self._stop_reading(conn)
            self._hand_over(conn)
        elif self._held > MOST_HELD:
            self._refuse(conn, HTTPStatus.SERVICE_UNAVAILABLE)
        else:
            self._held += len(conn.received.data) - conn.held
            conn.held = len(conn.received.data)
            if conn not in self._reading:
                self._reading[conn] = None
                self.poller.register(conn.sock, selectors.EVENT_READ, lambda _: self._read(conn))

    def _stop_reading(self, conn: Connection) -> None:
        if conn in self._reading:
            del self._reading[conn]
            self.poller.unregister(conn.sock)
            self._held -= conn.held
            conn.held = 0

    def _hand_over(self, conn: Connection) -> None:
        is_probe = conn.path in PROBES
        if is_probe and self._probing < MOST_PROBES:
            pool, self._probing = self._probes, self._probing + 1
        elif not is_probe and self._submitted < self.cfg.threads + MOST_WAITING:
            pool, self._submitted = self.tpool, self._submitted + 1
        else:
            self._refuse(conn, HTTPStatus.SERVICE_UNAVAILABLE)
            return
        conn.ready_at = time.monotonic()
        future = pool.submit(self.handle, conn)
        future.add_done_callback(
            lambda done: self.method_queue.defer(self._finished, conn, is_probe, done)
        )

    def handle(self, conn: Connection) -> Any:
        """Handle the request in a thread; return whether the connection stays open."""
        # Style sheets and scripts cost next to nothing, and a page without them is broken.
        if conn.path in PROBES or conn.path.startswith(b"/static/"):
            return super().handle(conn)
        if not self._gate.enter(conn.ready_at + AGE_S):
            self._refused += 1
            conn.refuse(_answer(conn, HTTPStatus.SERVICE_UNAVAILABLE))
            return False
        try:
            return False if conn.has_left() else super().handle(conn)
        finally:
            self._gate.leave()

    def _finished(self, conn: Connection, was_probe: bool, done: futures.Future[Any]) -> None:
        if was_probe:
            self._probing -= 1
        else:
            self._submitted -= 1
        if done.cancelled() or done.exception() or not done.result():
            self._close(conn)
            return
        conn.await_request(time.monotonic())
        if conn.received.data:  # sent together with the previous request
            self._read(conn)
        else:
            self.finish_request(conn, done)

    def _close(self, conn: Connection) -> None:
        self._stop_reading(conn)
        self.nr_conns -= 1
        conn.close()

    def _refuse(self, conn: Connection, status: HTTPStatus) -> None:
        self._refused += 1
        conn.refuse(_answer(conn, status))
        self._close(conn)

    def _give_up(self, conn: Connection) -> None:
        """Give up a request that doesn't arrive. A client that has sent nothing gets no
        response."""
        if conn.received.data:
            self._refuse(conn, HTTPStatus.REQUEST_TIMEOUT)
        else:
            self._close(conn)

    def murder_pending(self) -> None:
        """Give up requests that don't arrive. gunicorn calls this at each turn of its loop."""
        now = time.monotonic()
        if now < self._look_at:
            return
        self._look_at = now + LOOK_EVERY_S
        for conn in list(self._reading):
            if conn.until < now or not (self.alive or conn.received.data):
                self._give_up(conn)
        if self._refused and now - self._said_at > SAY_EVERY_S:
            self.log.warning("%s requests refused or given up", self._refused)
            self._refused, self._said_at = 0, now


def _answer(conn: Connection, status: HTTPStatus) -> bytes:
    method = bytes(conn.received.data[:5]).partition(b" ")[0]
    return refusal(status, method=method, path=conn.path)
