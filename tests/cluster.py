"""A cluster of three RabbitMQ nodes on this machine, whose nodes a test may kill, pause and start.

Each node has ports, data and a prefix of queues of its own; they share one cookie and one epmd. All of
them are children of the test process: the kernel kills them with it, also one that is paused, and what
an earlier run left all the same is ended at the next start.
"""

from __future__ import annotations

import os
import shutil
import signal
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from console.background import processes
from console.local.folder import StateFolder, default_state_folder
from console.local.keys import Keys
from console.local.processes.services import Service
from console.local.processes.supervisor import Stage, Supervisor, end_leftovers
from console.local.servers.node_files import NodePorts
from console.local.servers.ports import Ports
from console.local.servers.rabbitmq import Node, find_server
from console.local.trouble import Progress
from tests.conftest import LiveBroker

SIZE = 3
_PLUGINS = ("rabbitmq_management", "rabbitmq_prometheus")
#: One scheduler each: three nodes share a machine with the tests.
#: And deleted streams leave the metrics within seconds, not minutes.
_SMALL = "-rabbit core_metrics_gc_interval 10000 +S 1:1 +SDcpu 1:1 +SDio 1 +A 4 +sbwt none +sbwtdcpu none +sbwtdio none"
_START_S = 90.0


class Cluster:
    """Nodes are counted from 0. `brokers[i]` speaks to node i's management API."""

    def __init__(self, folder: StateFolder) -> None:
        server = find_server()
        assert server is not None, "bin/test installs RabbitMQ"
        self._folder = folder
        keys, ports = Keys(folder), Ports(folder)
        self._supervisor = Supervisor(folder, Progress())
        epmd = ports.choose("epmd")
        self.names = [f"warren-{letter}@localhost" for letter in "abc"[:SIZE]]
        self.nodes: list[Node] = []
        for number, name in enumerate(self.names):
            of_node = StateFolder(folder / str(number))
            of_node.make()
            self.nodes.append(
                Node(
                    of_node,
                    server=server,
                    ports=NodePorts(
                        amqp=ports.choose(f"amqp_{number}"),
                        management=ports.choose(f"management_{number}"),
                        prometheus=ports.choose(f"prometheus_{number}"),
                        stream=ports.choose(f"stream_{number}"),
                        distribution=ports.choose(f"distribution_{number}"),
                        epmd=epmd,
                    ),
                    password=keys["rabbitmq_password"],
                    cookie=keys["rabbitmq_cookie"],
                    name=name,
                    plugins=_PLUGINS,
                    settings=self._joining(),
                    erl_arguments=_SMALL,
                )
            )
        self.services: list[Service] = []
        self.brokers = [LiveBroker(node.management_url_with_password) for node in self.nodes]

    def _joining(self) -> list[str]:
        return [
            "cluster_name = warren-cluster",
            "cluster_formation.peer_discovery_backend = classic_config",
            *(
                f"cluster_formation.classic_config.nodes.{number} = {name}"
                for number, name in enumerate(self.names, 1)
            ),
            "vm_memory_high_watermark.absolute = 1GB",
        ]

    def begin(self) -> None:
        """Starts all nodes and waits until they are one cluster."""
        for number, node in enumerate(self.nodes):
            node.prepare()
            if number == 0:
                self._supervisor.start(node.epmd_service(), Stage.NAMES)
            service = node.service()
            service.name = f"rabbitmq-{number}"
            # Also a paused one goes when this process does.
            service.stop_signal = signal.SIGKILL
            self.services.append(self._supervisor.start(service, Stage.STORES))
        self.wait()

    def wait(self, seconds: float = _START_S) -> None:
        """Until every node that runs answers and says that exactly these run."""
        for node, service in zip(self.nodes, self.services, strict=True):
            if service.is_running():
                node.wait_until_ready(service, seconds=seconds)
        ends = time.monotonic() + seconds
        while not all(self.running(number) == self.alive for number in self.alive):
            if time.monotonic() > ends:
                pytest.fail(f"The cluster is not whole: {self.alive} should run.")
            time.sleep(0.2)

    @property
    def alive(self) -> list[int]:
        return [n for n, service in enumerate(self.services) if service.is_running()]

    def running(self, seen_by: int) -> list[int]:
        """The nodes that one of them calls running, with its own management listener among theirs."""
        try:
            said = self.brokers[seen_by].call("GET", "nodes")
            listeners = self.brokers[seen_by].call("GET", "overview")["listeners"]
        except OSError:
            return []
        scraped = {row["node"] for row in listeners if row["protocol"] == "http/prometheus"}
        up = {row["name"] for row in said if row.get("running")} & scraped
        return [number for number, name in enumerate(self.names) if name in up]

    def kill(self, number: int) -> None:
        """As by a power cut: no time to say good-bye."""
        identity = self.services[number].identity
        assert identity is not None
        processes.send(identity, signal.SIGKILL)
        self.services[number].wait_until_stopped(5)

    def stop(self, number: int) -> None:
        identity = self.services[number].identity
        assert identity is not None
        processes.end(identity, number=signal.SIGTERM, grace=30)
        self.services[number].wait_until_stopped(5)

    def start(self, number: int) -> None:
        """Starts it again on its data; `wait()` tells when it is back."""
        self.services[number].start()
        self._supervisor.record()

    def pause(self, number: int) -> None:
        """It hangs: it holds its connections and answers none. The others call it dead after a
        minute, and then the cluster is partitioned."""
        identity = self.services[number].identity
        assert identity is not None
        processes.send(identity, signal.SIGSTOP)

    def resume(self, number: int) -> None:
        identity = self.services[number].identity
        assert identity is not None
        processes.send(identity, signal.SIGCONT)

    def forget(self, number: int) -> None:
        """Takes a dead node out of the cluster for good."""
        self.nodes[0].control("forget_cluster_node", self.names[number])
        shutil.rmtree(self._folder / str(number) / "rabbitmq" / "data")

    def heal(self) -> None:
        """Every node runs again, and they are one cluster."""
        for number, service in enumerate(self.services):
            self.resume(number)
            if not service.is_running():
                self.nodes[number].prepare()
                self.start(number)
        self.wait()

    def end(self) -> None:
        self._supervisor.stop()

    def scrape(self, number: int) -> str:
        """What node `number` tells of the depths of its queues."""
        port = self.nodes[number].ports.prometheus
        url = f"http://127.0.0.1:{port}/metrics/detailed?family=queue_coarse_metrics"
        with urllib.request.urlopen(url, timeout=30) as answer:
            return str(answer.read().decode())

    def call(self, number: int, method: str, *segments: str, **more: Any) -> Any:
        """Of node `number`: see LiveBroker.call."""
        return self.brokers[number].call(method, *segments, **more)


@contextmanager
def three_nodes() -> Iterator[Cluster]:
    """The cluster, ended with the block. Of each test process one."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "alone")
    folder = StateFolder(default_state_folder() / f"cluster-{worker}")
    folder.make()
    assert folder.lock(), f"Another process has {folder.path}."
    end_leftovers(folder)
    for number in range(SIZE):
        shutil.rmtree(folder / str(number), ignore_errors=True)
    cluster = Cluster(folder)
    try:
        cluster.begin()
        yield cluster
    finally:
        cluster.end()
        folder.unlock()
