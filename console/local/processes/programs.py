"""The console's own processes: commands and environments."""

from __future__ import annotations

import http.client
import os
import sys
import time
from functools import partial

from console.background import processes
from console.background.queues import QUEUES
from console.background.signs import alive
from console.background.signs.alive import BEAT, WORKER, life_of, run_folder
from console.local.folder import CHECKOUT, StateFolder
from console.local.keys import Keys
from console.local.processes.services import Service

WORKER_THREADS = 8
#: Seconds that /livez may take to answer.
PROBE_S = 3.0
#: Number of memory arenas that all threads of a process share. By default glibc gives each thread
#: its own, and each keeps the memory that a large listing once needed.
HEAPS = "2"
#: The login of the tables' owner. No long-running process gets it.
OWNER_LOGIN = ("DATABASE_OWNER_URL", "DATABASE_OWNER_URL_FILE")


def console_environment(
    folder: StateFolder, keys: Keys, *, database_url: str, url: str, allowed_hosts: str
) -> dict[str, str]:
    """Return the environment of all processes of the console. Values that the user set win."""
    defaults = {
        "CONSOLE_STATE_DIR": str(folder.path),
        "CONSOLE_SECRET_KEY": keys["secret_key"],
        "CONSOLE_ENCRYPTION_KEYS": keys["encryption_key"],
        "DATABASE_URL": database_url,
        "CONSOLE_URL": url,
        "CONSOLE_ALLOWED_HOSTS": allowed_hosts,
        # A first trial usually uses the brokers of this machine.
        "CONSOLE_ALLOW_LOOPBACK_BROKERS": "true",
        "MALLOC_ARENA_MAX": HEAPS,
    }
    given = dict(os.environ)
    for name, value in defaults.items():
        if not given.get(name) and not given.get(f"{name}_FILE"):
            given[name] = value
    # The broker's password is stored in the database, encrypted, so no process needs it here.
    for name in ("RABBITMQ_URL", "RABBITMQ_AMQP_URL", *OWNER_LOGIN):
        given.pop(name, None)
    return given | {"DJANGO_SETTINGS_MODULE": "console.settings", "PYTHONUNBUFFERED": "1"}


def _service(folder: StateFolder, name: str, environment: dict[str, str], *words: str) -> Service:
    return Service(
        name=name,
        command=[sys.executable, "-m", *words],
        environment=environment,
        log=folder.logs / f"{name}.log",
        folder=CHECKOUT,
    )


def web(folder: StateFolder, environment: dict[str, str], host: str, port: int) -> Service:
    bind = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    service = _service(
        folder,
        "web",
        environment,
        *("gunicorn", "--config", "python:console.web.configuration"),
        *("--bind", bind, "--graceful-timeout", "3"),
    )
    service.why_stuck = WebProbe(host, port)
    return service


class WebProbe:
    """Reports when /livez stops answering. It has its own thread, however busy the server is."""

    def __init__(self, host: str, port: int) -> None:
        self._address = ({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port)  # noqa: S104
        self._pid, self._answered_at = 0, 0.0

    def __call__(self, pid: int) -> str:
        now = time.monotonic()
        if self._answers():
            self._pid, self._answered_at = pid, now
        if pid != self._pid:
            return _why_not_started("web", pid)
        silent = now - self._answered_at
        if silent > alive.FROZEN_S:
            return f"web {pid} is frozen: /livez wasn't answered for {silent:.0f} s."
        return ""

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection(*self._address, timeout=PROBE_S)
        try:
            connection.request("GET", "/livez")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def _why_stuck(kind: str, environment: dict[str, str], pid: int) -> str:
    life = life_of(kind, pid, run_folder(environment))
    return life.why_not(time.monotonic()) if life else _why_not_started(kind, pid)


def _why_not_started(kind: str, pid: int) -> str:
    """Return why a process without a sign of life failed; "" while it may still be starting."""
    identity = processes.identify(pid)
    if identity is None or processes.age_s(identity) < alive.STARTING_S:
        return ""
    return f"{kind} {pid} has given no sign of life since it started."


def worker(folder: StateFolder, environment: dict[str, str]) -> Service:
    service = _service(
        folder,
        "worker",
        environment,
        *("celery", "--quiet", "--app", "console", "worker", "--pool", "threads"),
        *("--concurrency", str(WORKER_THREADS), "--queues", ",".join(QUEUES)),
        *("--without-gossip", "--without-mingle", "--hostname", "warren@%h"),
    )
    service.why_stuck = partial(_why_stuck, WORKER, environment)
    return service


def beat(folder: StateFolder, environment: dict[str, str]) -> Service:
    # Empty: no pidfile. Two beats do no harm, but a stale file does.
    service = _service(
        folder, "beat", environment, "celery", "--quiet", "--app", "console", "beat", "--pidfile="
    )
    service.why_stuck = partial(_why_stuck, BEAT, environment)
    return service


def demo(folder: StateFolder, *, management_url: str, amqp_url: str) -> Service:
    """Return the demo's service. Both URLs contain the login, so the environment carries them, not
    the command line."""
    environment = os.environ | {"RABBITMQ_URL": management_url, "RABBITMQ_AMQP_URL": amqp_url}
    return _service(folder, "demo", environment, "console.local.demo.play")
