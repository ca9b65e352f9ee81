"""Real worker, beat and web processes on a Postgres of their own, killed and restarted."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from console.local.folder import StateFolder
from console.local.servers.ports import Ports
from console.local.servers.postgres import Postgres
from tests.faults import hostile

pytestmark = [pytest.mark.slow, pytest.mark.faults]
ROOT = Path(__file__).resolve().parents[2]
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))

_REGISTER = """
from django.utils import timezone
from console.models import Broker, BrokerStatus
from console.rabbitmq.endpoint import Secret
from console.secrets import encrypt
import os
now = timezone.now()
broker = Broker.objects.create(
    name=os.environ["NAME"], management_url=os.environ["URL"], username=os.environ["USERNAME"],
    password_encrypted=encrypt(Secret(os.environ["PASSWORD"])), poll_interval_s=5)
BrokerStatus.objects.create(broker=broker, state_since=now, next_poll_at=now, next_inventory_at=now)
"""


class Console:
    """The console's processes, as bin/up would run them, with their own Postgres and folder."""

    def __init__(self, folder: StateFolder) -> None:
        self.folder = folder
        self.postgres = Postgres(
            folder, port=Ports(folder).choose("postgres"), password="test", durable=False
        )
        self.database = self.postgres.service()
        self.environment = {
            **os.environ,
            "DATABASE_URL": self.postgres.url(),
            "CONSOLE_STATE_DIR": str(folder.path),
            "CONSOLE_ALLOW_LOOPBACK_BROKERS": "1",
            "CONSOLE_PLAIN_STATIC": "1",
            "CELERY_BROKER_URL": "filesystem://",
        }
        self.processes: list[subprocess.Popen[bytes]] = []

    def start_database(self) -> None:
        self.database = self.postgres.service()
        self.database.start()
        self.postgres.wait_until_ready(self.database)

    def stop_database(self) -> None:
        self.database.ask_to_stop()
        self.database.wait_until_stopped(10)

    def manage(self, *arguments: str, **environment: str) -> None:
        command = [sys.executable, "manage.py", *arguments]
        subprocess.run(command, cwd=ROOT, env={**self.environment, **environment}, check=True)

    def register(self, name: str, url: str, username: str, password: str) -> None:
        self.manage(
            "shell", "-c", _REGISTER, NAME=name, URL=url, USERNAME=username, PASSWORD=password
        )

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        log = (self.folder.logs / f"{arguments[0]}.log").open("ab")
        process = subprocess.Popen(
            [sys.executable, *arguments], cwd=ROOT, env=self.environment, stdout=log, stderr=log
        )
        self.processes.append(process)
        return process

    def start_worker(self) -> subprocess.Popen[bytes]:
        options = ["-P", "threads", "-c", "4", "-Q", "default,polling,apply", "-l", "ERROR"]
        return self.start("-m", "celery", "-A", "console", "worker", *options)

    def start_beat(self) -> subprocess.Popen[bytes]:
        return self.start("-m", "celery", "-A", "console", "beat", "-l", "ERROR")

    def ask(self, statement: str, *values: Any) -> Any:
        """The first row, None where there is none or Postgres is away."""
        try:
            connection = psycopg2.connect(self.postgres.url(), connect_timeout=2)
        except psycopg2.OperationalError:
            return None
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(statement, values)
                return cursor.fetchone() if cursor.description else None
        finally:
            connection.close()

    def state(self, name: str) -> str:
        row = self.ask(
            "SELECT state FROM console_brokerstatus JOIN console_broker ON id = broker_id"
            " WHERE name = %s",
            name,
        )
        return row[0] if row else ""

    def polls(self, name: str) -> int:
        row = self.ask(
            "SELECT count(*) FROM vhosts_poll p JOIN console_broker b ON b.id = p.broker_id"
            " WHERE b.name = %s AND p.complete",
            name,
        )
        return row[0] if row else 0

    def end_processes(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
        self.processes.clear()

    def end(self) -> None:
        self.end_processes()
        self.stop_database()


@pytest.fixture(scope="module")
def _migrated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    folder = StateFolder(tmp_path_factory.mktemp("console") / "state")
    folder.make()
    console = Console(folder)
    console.postgres.prepare()
    console.start_database()
    try:
        console.manage("migrate", "-v", "0")
        yield console
    finally:
        console.end()


@pytest.fixture
def console(_migrated: Console) -> Iterator[Console]:
    """Its database is as new as the other tests left it: give brokers names of their own."""
    try:
        yield _migrated
    finally:
        _migrated.end_processes()
        _migrated.ask("UPDATE console_broker SET enabled = false")


def status_of(url: str) -> int:
    try:
        with _OPENER.open(url, timeout=8) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def test_a_poll_whose_worker_was_killed_is_taken_over(
    console: Console, eventually: Callable[..., Any]
) -> None:
    from tests.faults.test_polls_of_hostile_brokers import fake_broker

    with hostile.HostileServer(hostile.says_nothing()) as server:
        console.register("fake", server.url, "u", "p")
        worker = console.start_worker()
        console.start_beat()
        eventually(lambda: server.requests, within=40)
        worker.send_signal(signal.SIGKILL)  # in the middle of a poll
        worker.wait()
        assert console.state("fake") == "new"
        server.behaviour = fake_broker()
        console.start_worker()
        began = time.monotonic()
        eventually(lambda: console.state("fake") == "reachable", within=75)
        assert console.ask("SELECT count(*) FROM vhosts_queue")[0] == 2
        assert time.monotonic() - began < 75


def test_polls_and_pages_outlive_a_restart_of_postgres(
    console: Console, live_broker: Any, eventually: Callable[..., Any]
) -> None:
    console.register("live", live_broker.url, live_broker.username, live_broker.password)
    worker, beat = console.start_worker(), console.start_beat()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    web = console.start("manage.py", "runserver", "--noreload", f"127.0.0.1:{port}")
    url = f"http://127.0.0.1:{port}"
    eventually(lambda: console.polls("live") >= 2, within=60)
    eventually(lambda: status_of(f"{url}/readyz") == 200, within=30)

    console.stop_database()
    assert status_of(f"{url}/livez") == 200
    assert status_of(f"{url}/readyz") == 503
    time.sleep(7)  # more than a poll's interval without a database
    console.start_database()
    before = console.polls("live")
    eventually(lambda: status_of(f"{url}/readyz") == 200, within=30)
    eventually(lambda: console.polls("live") >= before + 2, within=40)
    assert console.state("live") == "reachable"
    assert all(process.poll() is None for process in (worker, beat, web))
