"""A RabbitMQ node of a test's own, which may be paused and killed without harm to other tests."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from console.background import processes
from console.local.folder import StateFolder
from console.local.servers.node_files import NodePorts
from console.local.servers.ports import Ports
from console.local.servers.rabbitmq import PLUGINS, Node, find_server


class OwnNode:
    """Runs within a `with` block; `url` is its management API, with the login. `settings` are more lines
    of rabbitmq.conf, `plugins` more plugins than a node has by default."""

    def __init__(
        self, folder: Path, settings: tuple[str, ...] = (), plugins: tuple[str, ...] = ()
    ) -> None:
        self._folder = StateFolder(folder)
        self._folder.make()
        server = find_server()
        if server is None:
            pytest.fail("rabbitmq-server is not installed where it is looked for.", pytrace=False)
        self._node = Node(
            self._folder,
            server=server,
            ports=NodePorts.choose(Ports(self._folder)),
            password="0123456789abcdef",
            cookie="FEDCBA9876543210",
            settings=settings,
            plugins=(*PLUGINS, *plugins),
        )
        self.url = self._node.management_url_with_password
        self._services = [self._node.epmd_service(), self._node.service()]

    def __enter__(self) -> OwnNode:
        self._node.prepare()
        for service in self._services:
            service.start()
        try:
            self._node.wait_until_ready(self._services[-1])
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.resume()
        for service in reversed(self._services):
            service.ask_to_stop()
            service.wait_until_stopped(20)

    def control(self, *arguments: str) -> None:
        """Run rabbitmqctl on it."""
        self._node.control(*arguments)

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        home = str(self._folder / "rabbitmq")
        for identity in processes.find_running("beam.smp", "-home", home):
            processes.send(identity, number)
