"""Our own RabbitMQ node: Debian's server, with its own data, ports, cookie and epmd.

It listens on 127.0.0.1 only and shares nothing with the machine's RabbitMQ, if there is one.
"""

from __future__ import annotations

import base64
import re
import resource
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from console.background import processes
from console.local.folder import StateFolder
from console.local.processes.services import Service
from console.local.servers.node_files import (
    ADMINISTRATOR,
    INETRC,
    NodePorts,
    advanced_configuration,
    configuration,
    environment,
)
from console.local.servers.node_login import restore_login
from console.local.trouble import Progress, Trouble

NODE_NAME = "warren@localhost"

# Plugins that a console can show or control. Those that this RabbitMQ doesn't include are left out.
PLUGINS = (
    "rabbitmq_management",
    "rabbitmq_prometheus",
    "rabbitmq_shovel",
    "rabbitmq_shovel_management",
    "rabbitmq_federation",
    "rabbitmq_federation_management",
    "rabbitmq_tracing",
    "rabbitmq_event_exchange",
    "rabbitmq_consistent_hash_exchange",
    "rabbitmq_random_exchange",
    "rabbitmq_recent_history_exchange",
    "rabbitmq_amqp1_0",
    "rabbitmq_stream",
    "rabbitmq_stream_management",
    "rabbitmq_top",
)

SERVER_PLACES = (
    "usr/lib/rabbitmq/bin/rabbitmq-server",
    "opt/rabbitmq/sbin/rabbitmq-server",
    "usr/local/lib/rabbitmq/sbin/rabbitmq-server",
)


def find_server(root: Path = Path("/")) -> Path | None:
    """Return the start script itself. The wrapper in /usr/sbin switches to another account."""
    for place in SERVER_PLACES:
        if (root / place).exists():
            return root / place
    return None


class LoginRefused(Trouble):
    """The node runs, but refuses its user."""


class Node:
    """One node. `password` and `cookie` are hexadecimal, so no configuration format needs escaping.

    `settings` are additional lines of rabbitmq.conf, `erl_arguments` additional arguments of the
    Erlang VM.
    """

    def __init__(
        self,
        folder: StateFolder,
        *,
        server: Path,
        ports: NodePorts,
        password: str,
        cookie: str,
        name: str = NODE_NAME,
        plugins: Sequence[str] = PLUGINS,
        settings: Sequence[str] = (),
        erl_arguments: str = "",
    ) -> None:
        self._folder = folder
        self._home = folder / "rabbitmq"
        self._server = server
        self._password = password
        self._cookie = cookie
        self._plugins = plugins
        self._settings = settings
        self._erl_arguments = erl_arguments
        self.name = name
        self.ports = ports

    @property
    def management_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.management}"

    @property
    def management_url_with_password(self) -> str:
        login = f"{ADMINISTRATOR}:{self._password}"
        return f"http://{login}@127.0.0.1:{self.ports.management}"

    @property
    def amqp_url(self) -> str:
        return f"amqp://127.0.0.1:{self.ports.amqp}"

    @property
    def amqp_url_with_password(self) -> str:
        return f"amqp://{ADMINISTRATOR}:{self._password}@127.0.0.1:{self.ports.amqp}"

    def end_leftovers(self) -> None:
        """Stop a node on this data folder that an earlier, killed run left.

        Two nodes on one data folder would damage it. Ports can't show that, because a new run may
        have chosen others.
        """
        for identity in processes.find_running("beam.smp", "-home", str(self._home)):
            processes.end(identity, grace=20)

    def prepare(self) -> None:
        """Write the node's configuration. The node creates its user at its first start."""
        for name in ("", "data", "log", "trace"):
            (self._home / name).mkdir(mode=0o700, exist_ok=True)
        self.end_leftovers()
        self._write_cookie()
        self._folder.write_text(
            "rabbitmq/rabbitmq.conf",
            configuration(
                self.ports,
                self._password,
                stream=self._has_stream(),
                settings=self._settings,
            ),
        )
        self._folder.write_text(
            "rabbitmq/advanced.config", advanced_configuration(self._home, self._password)
        )
        self._folder.write_text("rabbitmq/inetrc", INETRC)
        plugins = ",".join(name for name in self._plugins if self._ships(name))
        self._folder.write_text("rabbitmq/enabled_plugins", f"[{plugins}].\n")

    def epmd_service(self) -> Service:
        """Return epmd as a foreground service. One started by the node would outlive it."""
        epmd = shutil.which("epmd")
        if epmd is None:
            found = sorted(Path("/usr/lib/erlang").glob("erts-*/bin/epmd"))
            if not found:
                raise Trouble("Erlang's epmd is missing. Reinstall the package erlang-base.")
            epmd = str(found[-1])
        return Service(
            name="epmd",
            command=[epmd, "-address", "127.0.0.1", "-port", str(self.ports.epmd)],
            environment=self._environment(),
            log=self._folder.logs / "epmd.log",
            stop_seconds=2.0,
        )

    def service(self) -> Service:
        self._raise_file_limit()
        return Service(
            name="rabbitmq",
            command=[str(self._server)],
            environment=self._environment(),
            log=self._folder.logs / "rabbitmq.log",
            stop_signal=signal.SIGTERM,
            stop_seconds=9.0,
            folder=self._home,
        )

    def control(self, *arguments: str) -> None:
        """Run rabbitmqctl on the node. Raises CalledProcessError."""
        subprocess.run(
            [str(self._server.parent / "rabbitmqctl"), "--quiet", *arguments],
            env=self._environment(),
            check=True,
            capture_output=True,
        )

    def is_ready(self) -> bool:
        """Return whether its management API accepts our login. Raises LoginRefused."""
        request = urllib.request.Request(f"{self.management_url}/api/whoami")  # noqa: S310
        login = base64.b64encode(f"{ADMINISTRATOR}:{self._password}".encode()).decode()
        request.add_header("Authorization", f"Basic {login}")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=3) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError as error:
            if error.code == 401:
                raise LoginRefused(
                    f"The password in {self._folder / 'secrets.json'} doesn't match "
                    f"the RabbitMQ node in {self._home}. Restore the right file, or "
                    "start from scratch: bin/up --reset"
                ) from None
            return False
        except (OSError, ValueError):
            return False

    def wait_until_ready(
        self, service: Service, *, seconds: float = 90.0, progress: Progress | None = None
    ) -> bool:
        """Wait until the node accepts our login.

        Returns True if its user's password or tags had been changed; they are restored first.
        Raises Trouble if the node ends or doesn't answer.
        """
        deadline = time.monotonic() + seconds
        try:
            self._wait(service, deadline, seconds)
            return False
        except LoginRefused:
            if progress:
                progress.step(
                    f"The node refuses the user {ADMINISTRATOR}. Resetting its password and tags"
                )
            restore_login(self._server, self._environment(), ADMINISTRATOR, self._password)
            self._wait(service, deadline, seconds)
            return True

    def _wait(self, service: Service, deadline: float, seconds: float) -> None:
        while not self.is_ready():
            if not service.is_running():
                raise Trouble(self._why_not(service.log_tail(20_000)))
            if time.monotonic() > deadline:
                raise Trouble(
                    f"RabbitMQ didn't answer on {self.management_url} within "
                    f"{seconds:.0f} s. See its logs: {service.log} and "
                    f"{self._home / 'log'}"
                )
            time.sleep(0.2)

    def _ships(self, plugin: str) -> bool:
        root = self._server.resolve().parents[1]
        return any(
            folder.is_dir() and any(folder.glob(f"{plugin}-*"))
            for folder in (root / "plugins", root.parents[0] / "plugins")
        )

    def _write_cookie(self) -> None:
        path = self._home / ".erlang.cookie"
        if not path.exists() or path.read_text() != self._cookie:
            self._folder.write_text("rabbitmq/.erlang.cookie", self._cookie)
            path.chmod(0o400)

    def _environment(self) -> dict[str, str]:
        return environment(self._home, self.name, self.ports, self._erl_arguments)

    def _has_stream(self) -> bool:
        return "rabbitmq_stream" in self._plugins and self._ships("rabbitmq_stream")

    @staticmethod
    def _raise_file_limit() -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = 65_536 if hard == resource.RLIM_INFINITY else min(hard, 65_536)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))

    def _why_not(self, words: str) -> str:
        logs = f"See its logs: {self._folder.logs / 'rabbitmq.log'} and {self._home / 'log'}"
        if "enospc" in words or "No space left" in words:
            return f"The disk is full: RabbitMQ can't write to {self._home}. Free some space."
        if "eaddrinuse" in words:
            return f"RabbitMQ didn't start: another program took one of its ports. {logs}"
        boot = re.findall(r"^ERROR: (.+)$", words, re.MULTILINE)
        lines = boot or [line.strip() for line in words.splitlines() if line.strip()]
        return (
            f"RabbitMQ didn't start: {lines[-1][:300] if lines else 'it printed nothing'}. {logs}"
        )
