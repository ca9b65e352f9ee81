"""The production form as it is written: compose.yaml, Dockerfile and .env.example, read and run without
containers. What is told of containers holds here too: an account of no rights, a checkout that cannot be
written, nothing of the caller's environment."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import yaml

from console.local.folder import CHECKOUT, StateFolder
from console.local.processes.services import Service, stop_all
from console.local.servers.ports import Ports
from console.local.servers.postgres import DATABASE, SUPERUSER, Postgres
from tests.local.image import context_files, image_account, image_command, image_environment

COMPOSE = yaml.safe_load((CHECKOUT / "compose.yaml").read_text())
STORES = ("postgres", "redis")
#: Where the image holds the checkout and the packages.
IMAGE_CHECKOUT, IMAGE_PACKAGES = "/srv/warren", "/opt/venv"
_VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>\w+)(?:(?P<way>:[-?])(?P<word>[^}]*))?\})")
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def substitute(value: Any, given: dict[str, str]) -> Any:
    """${NAME}, ${NAME:-default} and ${NAME:?message} in every text, as compose does it."""
    if isinstance(value, dict):
        # A name without a value stands for the one of the same name that is given, if it is.
        passed_on = {
            key: given[key] if one is None else one
            for key, one in value.items()
            if one is not None or key in given
        }
        return {key: substitute(one, given) for key, one in passed_on.items()}
    if isinstance(value, list):
        return [substitute(one, given) for one in value]
    if not isinstance(value, str):
        return value

    def put(found: re.Match[str]) -> str:
        if found["name"] is None:
            return "$"
        text = given.get(found["name"], "")
        if text or found["way"] is None:
            return text
        if found["way"] == ":?":
            raise AssertionError(f".env has no {found['name']}: {found['word']}")
        return found["word"]

    return _VARIABLE.sub(put, value)


def dotenv(**filled_in: str) -> dict[str, str]:
    """.env.example with its empty lines filled in; nothing that it does not list."""
    lines = (CHECKOUT / ".env.example").read_text().splitlines()
    given = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert {name for name, value in given.items() if not value} <= set(filled_in)
    return {name: value for name, value in (given | filled_in).items() if value}


def queues_of(command: list[str]) -> list[str]:
    """What a worker's command reads."""
    return command[command.index("--queues") + 1].split(",") if "--queues" in command else []


class Production:
    """Each service of compose.yaml, started by its own words."""

    def __init__(self, home: Path, environment_file: dict[str, str]) -> None:
        self.folder = StateFolder(home / "logs")
        self.folder.make()
        self.checkout = home / "checkout"
        self.services = substitute(COMPOSE["services"], environment_file)
        ports = Ports(self.folder)
        self.web_port, self.redis_port = ports.choose("web"), ports.choose("redis")
        database = self.services["postgres"]["environment"]
        assert (database["POSTGRES_USER"], database["POSTGRES_DB"]) == (SUPERUSER, DATABASE)
        self.postgres = Postgres(
            self.folder,
            port=ports.choose("postgres"),
            password=database["POSTGRES_PASSWORD"],
            durable=False,
        )
        self.started: list[Service] = []

    def build(self) -> None:
        """What the Dockerfile does: a copy of what .dockerignore lets in, the browser libraries, static files
        collected."""
        for path in context_files():
            (self.checkout / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(CHECKOUT / path, self.checkout / path)
        vendor = Path("static") / "vendor"
        shutil.copytree(CHECKOUT / vendor, self.checkout / vendor)
        environment = self._environment({}) | {
            "CONSOLE_SECRET_KEY": "only-while-building-0123456789abcdef",
            "CONSOLE_ENCRYPTION_KEYS": "A" * 43 + "=",
        }
        words = [sys.executable, "manage.py", "collectstatic", "--no-input", "--verbosity", "0"]
        subprocess.run(words, cwd=self.checkout, env=environment, check=True)
        for path in [self.checkout, *self.checkout.rglob("*")]:
            path.chmod(path.stat().st_mode & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))

    def start_stores(self) -> None:
        self.postgres.prepare()
        postgres = self._keep(self.postgres.service())
        self.postgres.wait_until_ready(postgres)
        words = ["--bind", "127.0.0.1", "--port", str(self.redis_port)]
        words += ["--dir", str(self.folder.path)]
        self._keep(self._service("redis", [*self.services["redis"]["command"], *words], before=[]))

    def start(self, name: str) -> Service:
        command = self.services[name].get("command") or image_command()
        command = [word.replace("0.0.0.0:8000", f"127.0.0.1:{self.web_port}") for word in command]
        return self._keep(self._service(name, command))

    def run(self, name: str, *command: str, given: str = "", **more: str) -> str:
        """`docker compose run NAME COMMAND`, or its own command: what it printed. Fails where it fails."""
        words = list(command) or self.services[name]["command"]
        done = subprocess.run(
            [*self.account(), *words],
            cwd=self.checkout,
            env=self._environment(self.services[name]["environment"]) | more,
            input=given,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def account(self) -> list[str]:
        """Words before a command: as the image's account, where the tests run as root."""
        plain = ["setpriv", "--no-new-privs", "--"]
        if os.geteuid() != 0:
            return plain
        user, group = image_account()
        return ["unshare", "--user", f"--map-user={user}", f"--map-group={group}", *plain]

    def call(self, method: str, path: str, token: str = "", body: object = None) -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.web_port}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"X-Forwarded-Proto": "https"},
        )
        if body is not None:
            request.add_header("Content-Type", "application/json")
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        with _OPENER.open(request, timeout=30) as answer:
            text = answer.read()
        return json.loads(text) if text[:1] in (b"{", b"[") else text.decode()

    def answers(self, path: str) -> int:
        """The status; 0 where nothing answers."""
        try:
            self.call("GET", path)
            return 200
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def waiting(self, queue: str) -> int:
        """Messages in Redis that no worker took."""
        with socket.create_connection(("127.0.0.1", self.redis_port), timeout=5) as redis:
            redis.sendall(f"LLEN {queue}\r\n".encode())
            return int(redis.recv(100).decode().strip().removeprefix(":"))

    def stop(self) -> None:
        stop_all([one for one in self.started if one.name not in STORES])
        stop_all([one for one in self.started if one.name in STORES])
        for path in [self.checkout, *self.checkout.rglob("*")]:
            if path.is_dir():
                path.chmod(0o700)

    def _keep(self, service: Service) -> Service:
        service.start()
        self.started.append(service)
        return service

    def _service(self, name: str, command: list[str], before: list[str] | None = None) -> Service:
        return Service(
            name=name,
            command=command,
            environment=self._environment(self.services[name].get("environment", {})),
            before=self.account() if before is None else before,
            log=self.folder.logs / f"{name}.log",
            stop_signal=signal.SIGTERM,
            stop_seconds=10.0,
            folder=self.checkout,
        )

    def _environment(self, given: dict[str, str]) -> dict[str, str]:
        """Nothing but the image's and compose's, led to this machine's places. Loopback is allowed because
        the tests' broker is there."""
        places = {
            "@postgres:5432": f"@127.0.0.1:{self.postgres.port}",
            "redis://redis:6379": f"redis://127.0.0.1:{self.redis_port}",
            IMAGE_CHECKOUT: str(self.checkout),
        }
        environment = image_environment() | given
        for there, here in places.items():
            environment = {key: str(text).replace(there, here) for key, text in environment.items()}
        return environment | {
            "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.checkout),
            "CONSOLE_ALLOW_LOOPBACK_BROKERS": "true",
        }
