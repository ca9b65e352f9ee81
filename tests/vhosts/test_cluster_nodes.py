"""A cluster of three whose nodes are killed, paused, partitioned and restarted: figures, states and fail-over."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from console.brokers.connect import current_url
from console.models import BrokerStatus
from console.rabbitmq.endpoint import Timeouts
from tests.cluster import Cluster, three_nodes
from vhosts.models import Node, NodeSample

pytestmark = [pytest.mark.django_db, pytest.mark.faults]

FIGURES = (
    "mem_used", "mem_limit", "disk_free", "fd_used", "sockets_used", "proc_used", "run_queue", "uptime_ms",
)  # fmt: skip


@pytest.fixture(scope="module")
def nodes() -> Iterator[Cluster]:
    with three_nodes() as cluster:
        yield cluster


@pytest.fixture
def cluster(nodes: Cluster) -> Iterator[Cluster]:
    nodes.heal()
    yield nodes
    nodes.heal()


@dataclass
class Scene:
    """A broker with the URLs of all three nodes."""

    cluster: Cluster
    broker: Any
    poll: Callable[..., BrokerStatus]
    eventually: Callable[..., Any]

    def look(self) -> BrokerStatus:
        time.sleep(1.1)  # slots are whole seconds
        return self.poll(self.broker)

    def node(self, number: int) -> Node:
        return Node.objects.get(broker=self.broker, name=self.cluster.names[number])

    def url(self, number: int) -> str:
        return self.cluster.nodes[number].management_url

    def figures_known(self) -> bool:
        self.look()
        rows = Node.objects.filter(broker=self.broker)
        return all(getattr(row, name) is not None for row in rows for name in FIGURES)


@pytest.fixture
def scene(cluster: Cluster, make_broker: Any, poll_now: Any, eventually: Any) -> Scene:
    broker = make_broker(
        management_url=cluster.nodes[0].management_url,
        other_urls="\n".join(node.management_url for node in cluster.nodes[1:]),
        username=cluster.brokers[0].username,
        password=cluster.brokers[0].password,
    )
    made = Scene(cluster, broker, poll_now, eventually)
    eventually(made.figures_known, within=60)
    return made


def test_a_killed_node_is_down_without_figures_and_comes_back(
    scene: Scene, client: Any, superuser: Any, api: Any
) -> None:
    """AC-042: the others' figures stay; the dead node's are unknown, never 0."""
    status = scene.look()
    assert status.answered_node == scene.cluster.names[0]
    for number in range(3):
        links = {link["node"] for link in scene.node(number).details["links"]}
        assert links == set(scene.cluster.names) - {scene.cluster.names[number]}
    scene.cluster.kill(2)
    scene.eventually(lambda: scene.look() and not scene.node(2).running, within=60)
    dead = scene.node(2)
    assert {name: getattr(dead, name) for name in FIGURES} == dict.fromkeys(FIGURES)
    assert dead.version == ""
    newest = NodeSample.objects.filter(node_id=dead.pk).order_by("-at").first()
    assert newest.mem_used is None, "Its history has a gap."
    assert scene.node(0).mem_used
    assert scene.node(1).mem_used
    assert BrokerStatus.objects.get(pk=scene.broker.pk).answered_url == ""
    client.force_login(superuser)
    page = client.get(f"/nodes/{dead.pk}/").content.decode()
    assert "The node is down since" in page
    assert page.count("unknown: The node is down") >= 15
    assert api.get("/api/v1/nodes/", {"state": "down"}).json()["count"] == 1
    was = scene.node(2).running_since
    scene.cluster.heal()
    scene.eventually(lambda: scene.look() and scene.node(2).mem_used, within=60)
    assert scene.node(2).running
    assert scene.node(2).running_since > was
    assert scene.node(2).uptime_ms < scene.node(0).uptime_ms


def test_with_the_first_node_killed_another_is_read_and_the_first_again_when_it_is_back(
    scene: Scene, client: Any, superuser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.cluster.kill(0)
    status = scene.look()
    assert status.state == "reachable"
    assert status.failures == 0
    assert status.answered_url in (scene.url(1), scene.url(2))
    assert status.answered_node in scene.cluster.names[1:]
    assert current_url(scene.broker) == status.answered_url
    assert status.urls_off[scene.url(0)]["code"] == "connection_refused"
    scene.eventually(lambda: scene.look() and not scene.node(0).running, within=60)
    assert scene.node(0).mem_used is None
    status = BrokerStatus.objects.get(pk=scene.broker.pk)
    assert status.shown_state(status.answered_at) == "node_down"
    client.force_login(superuser)
    page = client.get(f"/brokers/{scene.broker.pk}/").content.decode()
    assert f"<code>{scene.url(0)}</code> doesn’t answer since" in page
    assert status.answered_node in page
    scene.cluster.heal()
    monkeypatch.setattr("console.brokers.failover.PROBE_EVERY", timedelta(seconds=1))
    off = BrokerStatus.objects.get(pk=scene.broker.pk).urls_off
    off[scene.url(0)]["try_at"] = "2020-01-01T00:00:00+00:00"
    BrokerStatus.objects.filter(pk=scene.broker.pk).update(urls_off=off)
    scene.eventually(lambda: scene.look().answered_url == "", within=90)
    assert BrokerStatus.objects.get(pk=scene.broker.pk).answered_node == scene.cluster.names[0]


def test_with_all_nodes_down_the_broker_is_unreachable_and_says_why_for_each(scene: Scene) -> None:
    for number in range(3):
        scene.cluster.kill(number)
    scene.look()
    status = scene.look()
    assert status.state == "unreachable"
    assert set(status.urls_off) == {scene.url(number) for number in range(3)}
    for number in range(3):
        # What was seen last stays, with its age: it isn't current, and isn't 0 either.
        assert scene.node(number).mem_used
        assert scene.node(number).is_stale(scene.node(number).seen_at.replace(year=2099))
    assert status.answered_url == ""


def test_a_paused_node_is_passed_over_and_a_partition_is_shown(
    scene: Scene, client: Any, superuser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds connections and answers none. The other nodes' API waits for it until they give it
    up; then polls go on by another node. When it wakes, the cluster is partitioned."""
    quick = Timeouts(connect=1, read=3, total=3)
    monkeypatch.setattr("vhosts.polling.run.QUICK", quick)
    monkeypatch.setattr("vhosts.polling.depths.scraping._TIMEOUTS", quick)
    for node in scene.cluster.nodes:
        node.control("eval", "net_kernel:set_net_ticktime(8, 0).")
    try:
        scene.cluster.pause(0)
        status = scene.look()
        assert status.urls_off[scene.url(0)]["code"] == "timed_out"
        scene.eventually(lambda: scene.look().answered_url and not scene.node(0).running, within=90)
        status = BrokerStatus.objects.get(pk=scene.broker.pk)
        assert status.state == "reachable"
        assert status.answered_node in scene.cluster.names[1:]
        paused = scene.node(0)
        assert {name: getattr(paused, name) for name in FIGURES} == dict.fromkeys(FIGURES)
        scene.cluster.resume(0)
        scene.eventually(
            lambda: scene.look() and any(scene.node(n).partitions for n in range(3)), within=90
        )
        status = BrokerStatus.objects.get(pk=scene.broker.pk)
        assert status.shown_state(status.answered_at) == "partitioned"
        split = next(node for n in range(3) if (node := scene.node(n)).partitions)
        client.force_login(superuser)
        page = client.get(f"/nodes/{split.pk}/").content.decode()
        assert "Network partition." in page
        assert split.partitions[0] in page
    finally:
        # A partition ends only when one side restarts; the restarted node ticks as usual again.
        scene.cluster.kill(0)
        for node in scene.cluster.nodes[1:]:
            node.control("eval", "net_kernel:set_net_ticktime(60, 0).")
        scene.cluster.heal()
