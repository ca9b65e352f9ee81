"""`bin/up`: set up and run everything on this machine, until Ctrl-C.

Services start in the order below because later ones need earlier ones. The node is started first
because it takes longest.
"""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

from console.local import packages
from console.local.address import Address, read_address
from console.local.assets import ensure_assets
from console.local.control import describe_running
from console.local.folder import StateFolder, default_state_folder
from console.local.keys import CREDENTIALS, Keys, write_credentials
from console.local.processes import programs, readiness
from console.local.processes.services import Service
from console.local.processes.stopping import Stopped, stop_on_signals
from console.local.processes.supervisor import Stage, Supervisor, end_leftovers
from console.local.servers import given_broker
from console.local.servers.given_broker import GivenBroker
from console.local.servers.node_files import ADMINISTRATOR, NodePorts
from console.local.servers.ports import Ports
from console.local.servers.postgres import Postgres
from console.local.servers.rabbitmq import Node, find_server
from console.local.trouble import Progress, Trouble

ADMIN = "admin"
OWN_BROKER = "local"


class Up:
    """One run of bin/up, from the lock until the last service has stopped."""

    def __init__(self, folder: StateFolder, progress: Progress, *, demo: bool) -> None:
        self._folder = folder
        self._progress = progress
        self._demo = demo
        self._supervisor = Supervisor(folder, progress)

    def run(self) -> None:
        """Run until Stopped or Trouble is raised. Nothing that it started keeps running then."""
        broker = given_broker.given_broker()
        if broker and self._demo:
            raise Trouble(
                "--demo declares queues and publishes messages, so it only runs on "
                "the node that bin/up starts. Unset RABBITMQ_URL, or leave out "
                "--demo."
            )
        left = end_leftovers(self._folder)
        if left:
            self._progress.step(f"Stopped processes left by an interrupted run: {', '.join(left)}")
        # Only now: what an interrupted run left may hold the port.
        address = read_address()
        self._supervisor.address = address.url
        self._supervisor.record()
        try:
            self._start(address, broker)
            self._supervisor.watch(lambda: True)
        finally:
            if self._supervisor.services:
                self._progress.say()
                self._progress.step("Stopping everything")
            self._supervisor.stop()
            if self._supervisor.services:
                self._progress.step("Stopped")

    def _start(self, address: Address, broker: GivenBroker | None) -> None:
        keys, ports = Keys(self._folder), Ports(self._folder)
        node = running_node = None
        if broker:
            version = given_broker.check(broker)
            self._progress.step(f"Using RabbitMQ {version} at {broker.management_url}")
        else:
            node, running_node = self._start_node(keys, ports)
        database_url, owner = self._database(keys, ports)
        ensure_assets(self._folder.path, self._progress)
        environment = programs.console_environment(
            self._folder,
            keys,
            database_url=database_url,
            url=address.url,
            allowed_hosts=address.allowed_hosts,
        )
        self._progress.step("Setting up the database")
        wanted = self._wanted(keys, broker, node)
        password_is_current = readiness.set_up(self._folder, environment | owner, wanted)
        self._write_credentials(keys, address, broker, node)
        self._progress.step("Starting web, worker and beat")
        console = [
            programs.web(self._folder, environment, address.host, address.port),
            programs.worker(self._folder, environment),
            programs.beat(self._folder, environment),
        ]
        for service in console:
            self._supervisor.start(service, Stage.CONSOLE)
        if node and running_node:
            if node.wait_until_ready(running_node, progress=self._progress):
                # The node refused the console meanwhile, so polling is paused. This makes it retry
                # at once.
                readiness.set_up(self._folder, environment | owner, wanted)
            if self._demo:
                self._start_demo(node)
        readiness.wait_until_ready(address.local_url, console)
        self._progress.step("Ready")
        self._announce(address, keys, node, password_is_current)

    def _start_node(self, keys: Keys, ports: Ports) -> tuple[Node, Service]:
        server = find_server()
        if server is None:
            packages.install(
                self._folder,
                self._progress,
                "rabbitmq-server",
                otherwise="Or use a running broker: "
                "RABBITMQ_URL=http://user:password@host:15672 bin/up",
            )
            server = find_server()
        if server is None:
            raise Trouble("rabbitmq-server is installed, but not in a known location.")
        node = Node(
            self._folder,
            server=server,
            ports=NodePorts.choose(ports),
            password=keys["rabbitmq_password"],
            cookie=keys["rabbitmq_cookie"],
        )
        node.prepare()
        self._progress.step(f"Starting a private RabbitMQ node on {node.amqp_url}")
        self._supervisor.start(node.epmd_service(), Stage.NAMES)
        return node, self._supervisor.start(node.service(), Stage.STORES)

    def _database(self, keys: Keys, ports: Ports) -> tuple[str, dict[str, str]]:
        """Return the database URL for web, worker and beat; the owner's login, only for the setup."""
        given = os.environ.get("DATABASE_URL")
        if given:
            names = [name for name in programs.OWNER_LOGIN if name in os.environ]
            return given, {name: os.environ[name] for name in names}
        postgres = self._start_postgres(keys, ports)
        runtime_url = postgres.runtime_url(keys["postgres_runtime_password"])
        return runtime_url, {"DATABASE_OWNER_URL": postgres.url()}

    def _start_postgres(self, keys: Keys, ports: Ports) -> Postgres:
        port = ports.choose("postgres", "CONSOLE_POSTGRES_PORT")
        postgres = Postgres(self._folder, port=port, password=keys["postgres_password"])
        self._progress.step(
            ("Making" if postgres.is_new() else "Starting")
            + f" the embedded Postgres on 127.0.0.1:{port}"
        )
        postgres.prepare()
        service = self._supervisor.start(postgres.service(), Stage.STORES)
        postgres.wait_until_ready(service)
        return postgres

    def _start_demo(self, node: Node) -> None:
        self._progress.step("Starting the demo's producers and consumers")
        demo = programs.demo(
            self._folder,
            management_url=node.management_url_with_password,
            amqp_url=node.amqp_url_with_password,
        )
        self._supervisor.start(demo, Stage.CONSOLE)

    @staticmethod
    def _wanted(keys: Keys, broker: GivenBroker | None, node: Node | None) -> dict[str, object]:
        if node:
            registered = {
                "name": OWN_BROKER,
                "management_url": node.management_url,
                "amqp_url": node.amqp_url,
                "username": ADMINISTRATOR,
                "password": keys["rabbitmq_password"],
                "enabled": True,
            }
        elif broker:
            registered = {
                "name": broker.name,
                "management_url": broker.management_url,
                "amqp_url": broker.amqp_url,
                "username": broker.username,
                "password": broker.password,
            }
        return {
            "administrator": {
                "name": ADMIN,
                "password": keys["administrator_password"],
                "token": keys["token"],
            },
            "broker": {**registered, "environment": "development"},
            # The node of an earlier start, which isn't running now.
            "disable": None if node else {"name": OWN_BROKER, "username": ADMINISTRATOR},
        }

    def _write_credentials(
        self, keys: Keys, address: Address, broker: GivenBroker | None, node: Node | None
    ) -> None:
        values = {
            "CONSOLE_URL": address.url,
            "CONSOLE_USER": ADMIN,
            "CONSOLE_PASSWORD": keys["administrator_password"],
            "CONSOLE_TOKEN": keys["token"],
        }
        if node:
            values["RABBITMQ_URL"] = node.management_url_with_password
            values["RABBITMQ_AMQP_URL"] = node.amqp_url_with_password
        elif broker:
            values["RABBITMQ_URL"] = os.environ["RABBITMQ_URL"].strip()
        write_credentials(self._folder, values)

    def _announce(
        self, address: Address, keys: Keys, node: Node | None, password_is_current: bool
    ) -> None:
        password = (
            keys["administrator_password"]
            if password_is_current
            else "(the one you set in the console)"
        )
        lines = [
            "",
            f"  Warren       {address.url}",
            f"  Name         {ADMIN}",
            f"  Password     {password}",
            "",
        ]
        if node:
            lines.append(f"  RabbitMQ     {node.management_url} (its own pages; user warren)")
        running = ", ".join(service.name for service in self._supervisor.services)
        lines += [
            f"  Running      {running}",
            f"  For scripts  . {_short(self._folder / CREDENTIALS)}",
            f"  Logs         {_short(self._folder.logs)}",
            "",
            "  Press Ctrl-C to stop everything.",
            "",
        ]
        self._progress.say("\n".join(lines))


def _short(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def up(*, demo: bool) -> int:
    """Run bin/up; return the exit code: 0 after Ctrl-C, 1 if it is already running or fails."""
    os.umask(0o077)
    folder, progress = StateFolder(default_state_folder()), Progress()
    try:
        folder.make()
        if not folder.lock():
            print(describe_running(folder), file=sys.stderr)
            return 1
        stop_on_signals()
        Up(folder, progress, demo=demo).run()
    except Stopped:
        return 0
    except Trouble as trouble:
        print(f"bin/up: {trouble}", file=sys.stderr)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        print(f"bin/up: The disk is full ({folder.path}). Free some space.", file=sys.stderr)
    return 1
