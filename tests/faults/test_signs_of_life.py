"""Real workers and beat that are killed, frozen, stuck, or on the wrong queue: what health says."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import psycopg2
import pytest

from tests.faults.test_processes import _OPENER, ROOT, Console, _migrated

pytestmark = pytest.mark.slow
__all__ = ["_migrated"]
ALL = "default,polling,apply"


class Watched(Console):
    """A console whose /readyz is asked."""

    url = ""

    def start_web(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.start("manage.py", "runserver", "--noreload", f"127.0.0.1:{port}")
        self.url = f"http://127.0.0.1:{port}"

    def worker_on(self, queues: str, threads: int = 2) -> subprocess.Popen[bytes]:
        options = ["-P", "threads", "-c", str(threads), "-Q", queues, "-l", "ERROR"]
        name = f"{queues}@%h"
        return self.start("-m", "celery", "-A", "console", "worker", *options, "-n", name)

    def ready(self) -> dict[str, Any]:
        """{} while nothing answers."""
        try:
            with _OPENER.open(f"{self.url}/readyz", timeout=8) as answer:
                return {"status": 200, **json.load(answer)}
        except urllib.error.HTTPError as error:
            return {"status": error.code, **json.load(error)}
        except OSError:
            return {}

    def is_ready(self) -> bool:
        return self.ready().get("status") == 200

    def bad(self) -> list[str]:
        return [name for name, check in self.ready()["checks"].items() if not check["ok"]]

    def lock(self, table: str) -> Any:
        """A connection that keeps everybody out of the table until it is closed."""
        connection = psycopg2.connect(self.postgres.url())
        connection.cursor().execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        return connection

    def check_alive(self, *options: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", "console.background.check_alive", *options],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stderr


@pytest.fixture
def console(_migrated: Console) -> Any:
    watched = Watched.__new__(Watched)
    watched.__dict__.update(_migrated.__dict__)
    watched.processes = []
    watched.ask("TRUNCATE console_heartbeat, console_jobrun")
    watched.ask("UPDATE console_broker SET enabled = false")
    try:
        yield watched
    finally:
        for process in watched.processes:
            process.send_signal(signal.SIGCONT)
        watched.end_processes()
        watched.ask("UPDATE console_broker SET enabled = false")


def test_each_queue_is_told_apart_when_its_worker_is_killed(
    console: Watched, eventually: Callable[..., Any]
) -> None:
    console.start_web()
    console.start_beat()
    console.worker_on("default")
    pollers = console.worker_on("polling")
    eventually(lambda: console.ready().get("checks", {}).get("queue.polling", {}).get("ok"), 60)
    # Nobody consumes `apply`: the two workers live, and one queue has none.
    assert console.bad() == ["queue.apply"]
    assert console.ready()["status"] == 503
    appliers = console.worker_on("apply")
    eventually(console.is_ready, within=60)
    assert console.check_alive("--queues", ALL)[0] == 0
    assert console.check_alive("--beat")[0] == 0

    pollers.send_signal(signal.SIGKILL)
    pollers.wait()
    began = time.monotonic()
    code, said = console.check_alive("--queues", "polling")
    assert (code, "has ended" in said) == (1, True)
    assert console.check_alive("--queues", "default,apply")[0] == 0
    eventually(lambda: console.bad() == ["queue.polling"], within=60)
    assert time.monotonic() - began < 60
    assert console.ready()["status"] == 503
    assert "No broker is polled." in console.ready()["checks"]["queue.polling"]["detail"]
    # Messages that nobody takes are counted.
    assert console.ready()["checks"]["queue.polling"]["backlog"] > 0
    console.worker_on("polling")
    eventually(console.is_ready, within=60)

    appliers.send_signal(signal.SIGSTOP)  # it lives, and does nothing
    eventually(lambda: console.bad() == ["queue.apply"], within=60)
    code, said = console.check_alive("--queues", "apply")
    assert (code, "is frozen" in said) == (1, True)
    appliers.send_signal(signal.SIGCONT)
    eventually(console.is_ready, within=60)
    assert console.check_alive("--queues", "apply")[0] == 0


def test_a_worker_whose_threads_are_all_busy_is_told(
    console: Watched, eventually: Callable[..., Any]
) -> None:
    console.start_web()
    console.start_beat()
    console.worker_on(ALL, threads=2)
    eventually(console.is_ready, within=60)
    # Two changes that wait for a lock in Postgres: one for each thread.
    holder = console.lock("console_brokerlease")
    try:
        send = "from celery import current_app as a\nfor _ in range(2): a.send_task('console.engine.tasks.apply_changes', [0])"
        console.manage("shell", "-c", send)
        eventually(lambda: set(console.bad()) >= {"queue.default", "queue.apply"}, within=90)
        assert console.ready()["status"] == 503
        # Its loop turns: nobody kills it for being busy for a minute.
        assert console.check_alive("--queues", ALL)[0] == 0
    finally:
        holder.close()
    eventually(console.is_ready, within=60)


def test_beat_that_is_frozen_or_gone_is_told(
    console: Watched, eventually: Callable[..., Any]
) -> None:
    console.start_web()
    beat = console.start_beat()
    console.worker_on(ALL)
    eventually(console.is_ready, within=60)
    beat.send_signal(signal.SIGSTOP)
    eventually(lambda: "beat" in console.bad(), within=60)
    code, said = console.check_alive("--beat")
    assert (code, "is frozen" in said) == (1, True)
    beat.send_signal(signal.SIGCONT)
    eventually(console.is_ready, within=60)
    beat.terminate()
    beat.wait()
    assert console.check_alive("--beat")[0] == 1


def test_history_that_fails_is_degraded_and_not_unready(
    console: Watched, eventually: Callable[..., Any]
) -> None:
    console.start_web()
    console.start_beat()
    console.worker_on(ALL)
    eventually(console.is_ready, within=60)
    console.ask(
        "INSERT INTO console_jobrun (name, expected_since, failed_at, error, failures)"
        " VALUES ('keep_history.settle', now() - interval '1 hour', now(), 'no', 9)"
        " ON CONFLICT (name) DO UPDATE SET expected_since = excluded.expected_since,"
        " failures = 9, failed_at = now(), error = 'no'"
    )
    found = console.ready()
    assert (found["status"], found["ok"], found["degraded"]) == (200, True, ["keep_history.settle"])
    # It runs within a minute, and is well again.
    eventually(lambda: console.ready()["degraded"] == [], within=90)
