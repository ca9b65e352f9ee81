"""A message is sent at most once: repeated at once, killed in between, and with the answer lost."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections
from django.utils import timezone

from console.models import AuditEntry, Broker
from console.rabbitmq.amqp import publish as adapter
from vhosts.messages.publishing.message import read_message
from vhosts.messages.publishing.send import publish, settle_abandoned
from vhosts.messages.publishing.where import Place
from vhosts.models import PublishRequest

ROOT = Path(__file__).resolve().parents[2]


def depth(vhost: Any, queue: str) -> int:
    found: int = vhost.channel.queue_declare(queue, passive=True).method.message_count
    return found


def send(place: Place, actor: Any, key: str = "k") -> PublishRequest:
    message = read_message({"routing_key": "q", "payload": "once"})
    return publish(message, place, actor=actor, key=key, origin="api")


@pytest.mark.django_db(transaction=True)
def test_a_double_click_sends_once(place: Place, superuser: Any, scratch_vhost: Any) -> None:
    scratch_vhost.declare("q")
    found: list[PublishRequest] = []
    barrier = threading.Barrier(6)

    def click() -> None:
        try:
            barrier.wait()
            found.append(send(place, superuser))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=click) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.state for one in found] == ["confirmed"] * 6
    assert len({one.pk for one in found}) == 1
    assert depth(scratch_vhost, "q") == 1


class Died(BaseException):
    """The process is gone."""


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("at", "ends_as", "messages"), [("prepare", "failed", 0), ("send", "unknown", 1)]
)
def test_a_process_that_dies_leaves_no_second_message(
    place: Place, superuser: Any, scratch_vhost: Any, monkeypatch: Any, at: str, ends_as: str,
    messages: int,
) -> None:  # fmt: skip
    scratch_vhost.declare("q")
    real = getattr(adapter.Sender, at)

    def dies(self: Any, *args: Any, **more: Any) -> Any:
        real(self, *args, **more)
        raise Died

    with monkeypatch.context() as patch:
        patch.setattr(adapter.Sender, at, dies)
        with pytest.raises(Died):
            send(place, superuser)
    PublishRequest.objects.update(created_at=timezone.now() - timedelta(minutes=5))
    again = send(place, superuser)
    assert again.state == ends_as
    assert depth(scratch_vhost, "q") == messages
    outcome = AuditEntry.objects.get(action="message:published")
    assert outcome.after["outcome"] == ends_as


_KILLED = """
import os, signal, sys
import django
django.setup()
from django.contrib.auth.models import User
from console.models import Broker
from console.rabbitmq.amqp import publish as adapter
from vhosts.messages.publishing.message import read_message
from vhosts.messages.publishing.send import publish
from vhosts.messages.publishing.where import Place
real = adapter.Sender.send
def send(self, *args, **more):
    real(self, *args, **more)
    os.kill(os.getpid(), signal.SIGKILL)
adapter.Sender.send = send
place = Place(Broker.objects.select_related("status").get(), sys.argv[1])
message = read_message({"routing_key": "q", "payload": "once"})
publish(message, place, actor=User.objects.get(), key="k", origin="api")
"""


@pytest.mark.faults
@pytest.mark.django_db(transaction=True)
def test_a_process_killed_between_sending_and_storing_leaves_unknown(
    place: Place, superuser: Any, scratch_vhost: Any
) -> None:
    scratch_vhost.declare("q")
    at = connection.settings_dict
    url = os.environ["DATABASE_URL"].rpartition("/")[0] + "/" + str(at["NAME"])
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, place.vhost],
        cwd=ROOT, check=False, capture_output=True, timeout=120,
        env={**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "console.settings",
             "CONSOLE_ALLOW_LOOPBACK_BROKERS": "true"},
    )  # fmt: skip
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()[-2000:]
    left = PublishRequest.objects.get()
    assert left.state == "sending"
    assert settle_abandoned(left, timezone.now()).state == "sending", (
        "somebody may still work on it"
    )
    left = settle_abandoned(left, timezone.now() + timedelta(minutes=2))
    assert left.state == "unknown"
    assert send(place, superuser).state == "unknown"
    assert depth(scratch_vhost, "q") == 1


class CutsOff:
    """Passes AMQP on to a broker, and cuts both sides as soon as the client has sent `mark`: the
    broker gets the message, and the client never gets the answer."""

    def __init__(self, host: str, port: int, mark: bytes) -> None:
        self._to, self._mark, self.passed = (host, port), mark, 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._server.close()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            broker = socket.create_connection(self._to)
            cut = threading.Event()
            threading.Thread(target=self._back, args=(broker, client, cut), daemon=True).start()
            threading.Thread(target=self._forth, args=(client, broker, cut), daemon=True).start()

    def _forth(self, client: socket.socket, broker: socket.socket, cut: threading.Event) -> None:
        with suppress(OSError):
            while data := client.recv(65536):
                if self._mark in data:
                    cut.set()
                    self.passed += 1
                    broker.sendall(data)
                    client.shutdown(socket.SHUT_RDWR)
                    return
                broker.sendall(data)

    def _back(self, broker: socket.socket, client: socket.socket, cut: threading.Event) -> None:
        with suppress(OSError):
            while data := broker.recv(65536):
                if not cut.is_set():
                    client.sendall(data)


@pytest.mark.faults
@pytest.mark.django_db(transaction=True)
def test_a_lost_answer_is_unknown_and_not_sent_again(
    place: Place, superuser: Any, scratch_vhost: Any, live_broker: Any, eventually: Any
) -> None:
    scratch_vhost.declare("q")
    at = live_broker.amqp_parameters()
    proxy = CutsOff(at.host, at.port, b"once")
    try:
        Broker.objects.update(amqp_url=f"amqp://127.0.0.1:{proxy.port}")
        place.broker.refresh_from_db()
        found = send(place, superuser)
        assert (found.state, found.code) == ("unknown", None)
        assert send(place, superuser).pk == found.pk
    finally:
        proxy.close()
    assert proxy.passed == 1
    eventually(lambda: depth(scratch_vhost, "q") == 1)
