"""The web server as bin/up and the image start it, with half-sent requests, bursts and clients that leave."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from console.local.folder import StateFolder
from console.local.processes import programs
from console.web import worker
from console.web.connection import Connection
from tests.local.image import image_command

pytestmark = [pytest.mark.faults, pytest.mark.slow]
ROOT = Path(__file__).resolve().parents[2]
THREADS, PROCESSES = 8, 2


class Client:
    """A connection that sends what it is told to."""

    def __init__(self, port: int, data: bytes = b"") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.send(data)

    def send(self, data: bytes) -> Client:
        self.socket.sendall(data)
        return self

    def answer(self) -> bytes:
        """Until the server closes, or what came before it broke off."""
        found = b""
        try:
            while piece := self.socket.recv(100_000):
                found += piece
        except ConnectionResetError:
            pass
        self.socket.close()
        return found

    def leave(self) -> None:
        self.socket.close()


def get(path: str, *headers: str) -> bytes:
    return "\r\n".join(
        [f"GET {path} HTTP/1.1", "Host: a", "Connection: close", *headers, "", ""]
    ).encode()


def status(answer: bytes) -> int:
    return int(answer[9:12] or 0)


class Server:
    def __init__(self, command: list[str], folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.folder = folder
        at = command.index("--bind") + 1
        command = [*command[:at], f"127.0.0.1:{self.port}", *command[at + 1 :]]
        self.log = folder / "web.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, "tests.faults.echo:app"],
                cwd=ROOT,
                env={**os.environ, "ECHO_FOLDER": str(folder)},
                stdout=log,
                stderr=log,
            )

    def ask(self, path: str) -> bytes:
        return Client(self.port, get(path)).answer()

    def asked(self, path: str) -> int:
        """How often the application was asked for it."""
        return (self.folder / "asked").read_text().splitlines().count(path)

    def answers(self) -> bool:
        try:
            return status(self.ask("/")) == 200
        except OSError:
            return False

    def hold(self) -> list[Client]:
        """Requests that keep all threads until `release`; a few more, where one process is slow to come to them."""
        (self.folder / "release").unlink(missing_ok=True)
        (self.folder / "asked").write_text("")
        clients: list[Client] = []
        while self.asked("/hold") < THREADS * PROCESSES:
            assert len(clients) < THREADS * PROCESSES + worker.MOST_WAITING
            clients.append(Client(self.port, get("/hold")))
            before, ends = self.asked("/hold"), time.monotonic() + 1
            while self.asked("/hold") == before and time.monotonic() < ends:
                time.sleep(0.02)
        return clients

    def release(self) -> None:
        (self.folder / "release").touch()

    def workers(self) -> list[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in children.split()]


def up_command(folder: Path) -> list[str]:
    return programs.web(StateFolder(folder), {}, "127.0.0.1", 8000).command


def image(folder: Path) -> list[str]:
    return [sys.executable, "-m", *image_command()]


@pytest.fixture(scope="module", params=[up_command, image], ids=["bin/up", "image"])
def server(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("web")
    (folder / "asked").touch()
    server = Server(request.param(folder), folder)
    try:
        ends = time.monotonic() + 30
        while not server.answers():
            assert time.monotonic() < ends, server.log.read_text()
            time.sleep(0.2)
        yield server
    finally:
        server.release()
        server.process.terminate()
        try:
            server.process.wait(15)
        except subprocess.TimeoutExpired:
            server.process.kill()
            server.process.wait()


def test_half_sent_requests_hold_nobody_up(server: Server) -> None:
    halves = [
        b"",
        b"GET / HTTP/1.1\r\nHost: a\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf",
    ]
    halves.append(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nha")
    halves.append(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n0\r\n\r\n")
    slow = [Client(server.port, half) for half in halves for _ in range(60)]
    for _ in range(20):
        assert status(server.ask("/")) == 200
        assert status(server.ask("/livez")) == 200
    for client in slow:
        client.leave()


def test_clients_that_do_not_take_their_answer_hold_no_probe_up(server: Server) -> None:
    greedy = [Client(server.port, get("/large")) for _ in range(THREADS * PROCESSES)]
    for _ in range(10):
        assert status(server.ask("/livez")) == 200
    for client in greedy:
        client.leave()
    assert status(server.ask("/")) in (200, 503)


def test_past_what_it_can_serve_the_answer_is_503_at_once(
    server: Server, eventually: Callable[..., Any]
) -> None:
    held = server.hold()
    burst = [Client(server.port, get("/burst")) for _ in range(120)]
    # Those past the queue are answered while all threads are still busy.
    refused: list[bytes] = []
    waiting = []
    for client in burst:
        client.socket.settimeout(0.2)
        try:
            refused.append(client.answer())
        except TimeoutError:
            waiting.append(client)
    assert len(waiting) <= worker.MOST_WAITING * PROCESSES
    assert len(refused) >= 120 - worker.MOST_WAITING * PROCESSES
    for answer in refused:
        assert status(answer) == 503
        assert re.search(rb"\r\nRetry-After: [1-9][0-9]*\r\n", answer)
    assert status(server.ask("/livez")) == 200
    assert status(server.ask("/readyz")) == 200
    api = server.ask("/api/v1/whoami/")
    assert status(api) == 503
    assert b'"code": "service_unavailable"' in api
    head = Client(server.port, get("/").replace(b"GET", b"HEAD", 1)).answer()
    assert status(head) == 503
    assert head.endswith(b"\r\n\r\n")

    server.release()
    answers = [status(client.answer()) for client in held]
    assert answers.count(200) >= THREADS * PROCESSES
    assert set(answers) <= {200, 503}
    for client in waiting:
        client.socket.settimeout(20)
        assert status(client.answer()) in (200, 503)
    # The burst is over, and nothing of it is left to work on.
    eventually(server.answers)
    assert server.asked("/burst") <= len(waiting)


def test_requests_of_clients_that_left_are_not_worked_on(
    server: Server, eventually: Callable[..., Any]
) -> None:
    held = server.hold()
    for client in [Client(server.port, get("/left")) for _ in range(20)]:
        client.leave()
    server.release()
    answers = [status(client.answer()) for client in held]
    assert answers.count(200) >= THREADS * PROCESSES
    assert set(answers) <= {200, 503}
    eventually(server.answers)
    assert server.asked("/left") == 0


def test_a_client_that_left_is_known_before_its_request_is_old() -> None:
    ours, theirs = socket.socketpair()
    connection = Connection.__new__(Connection)
    connection.sock = ours
    assert not connection.has_left()
    theirs.send(b"GET / HTTP/1.1")
    assert not connection.has_left()
    assert ours.recv(100) == b"GET / HTTP/1.1"
    theirs.close()
    assert connection.has_left()
    ours.close()


BODIES = [b"", b"a", b"0\r\n\r\n", b"x" * 300_000, os.urandom(3_000_000)]


def posted(body: bytes, chunked: bool) -> bytes:
    if not chunked:
        return b"POST /b HTTP/1.1\r\nHost: a\r\ncontent-LENGTH:  %d\r\n\r\n%b" % (len(body), body)
    size = max(len(body) // 3, 1)
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    sent = b"".join(b"%x;ext=1\r\n%b\r\n" % (len(part), part) for part in parts)
    return (
        b"POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        + sent
        + b"0\r\nT: 1\r\n\r\n"
    )


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
def test_requests_arrive_as_they_were_sent_however_they_are_cut(
    server: Server, chunked: bool
) -> None:
    for body in BODIES:
        # Twice on one connection, the second right behind the first, and then one that closes it.
        sent = posted(body, chunked) * 2 + get("/last")
        client = Client(server.port)
        for at in range(0, len(sent), max(len(sent) // 7, 1)):
            client.send(sent[at : at + max(len(sent) // 7, 1)])
            time.sleep(0.01)
        answer = client.answer().decode()
        said = f"POST /b {len(body)} {hashlib.sha256(body).hexdigest()}"
        assert answer.count(said) == 2
        assert "GET /last 0 " in answer


def test_a_client_that_asks_before_it_sends_is_told_to(server: Server) -> None:
    sent = posted(b"hello", False).replace(
        b"Host: a\r\n", b"Host: a\r\nExpect: 100-continue\r\nConnection: close\r\n"
    )
    client = Client(server.port, sent[:-5])
    assert client.socket.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    answer = client.send(b"hello").answer()
    assert status(answer) == 200
    assert b"POST /b 5 " in answer


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (b"\x16\x03\x01\x02\x00\x01", 0),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"A: " + b"x" * 70_000, 431),
        (b"GET /" + b"x" * 70_000, 414),
        (get("/" + "x" * 5_000), 414),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n", 413),
    ],
)  # fmt: skip
def test_what_is_no_request_is_refused_at_once(server: Server, sent: bytes, expected: int) -> None:
    assert status(Client(server.port, sent).answer()) == expected
    assert status(server.ask("/")) == 200


def test_an_address_that_is_too_long_for_the_api_is_refused_as_json(server: Server) -> None:
    answer = server.ask("/api/v1/queues/?search=" + "x" * 5_000)
    assert status(answer) == 414
    assert (
        json.loads(answer.partition(b"\r\n\r\n")[2])["errors"][0]["code"] == "request-uri_too_long"
    )


def test_a_request_that_does_not_arrive_is_given_up(server: Server) -> None:
    silent, half = Client(server.port), Client(server.port, b"GET / HTTP/1.1\r\n")
    assert status(half.answer()) == 408
    assert silent.answer() == b""


def test_a_frozen_process_of_the_server_costs_the_others_nothing_and_is_replaced(
    server: Server, eventually: Callable[..., Any]
) -> None:
    before = server.workers()
    os.kill(before[0], signal.SIGSTOP)
    eventually(lambda: len(set(server.workers()) - set(before)) == 1, within=60)
    eventually(server.answers)
