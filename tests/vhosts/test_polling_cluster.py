"""Polls of a cluster that loses nodes: what a dead node held is down, not gone, and comes back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse

from console.brokers.connect import connect
from console.engine.applying.broker_objects import BrokerObjects
from console.models import BrokerStatus
from console.rabbitmq.endpoint import Timeouts
from console.rabbitmq.errors import Unreachable
from tests.cluster import Cluster, three_nodes
from vhosts.history.read import series
from vhosts.models import BrokerSample, Poll, Queue, RecentSnapshot

pytestmark = [pytest.mark.django_db, pytest.mark.faults]


@pytest.fixture(scope="session")
def nodes() -> Iterator[Cluster]:
    with three_nodes() as cluster:
        yield cluster


@pytest.fixture
def cluster(nodes: Cluster) -> Iterator[Cluster]:
    """Whole at the beginning, whatever the test before did."""
    nodes.heal()
    yield nodes
    nodes.heal()


@dataclass
class Scene:
    """A broker that is polled at node 0, with a vhost of its own on the cluster."""

    cluster: Cluster
    broker: Any
    vhost: str
    poll: Callable[[Any], BrokerStatus]
    inventory: Callable[[Any], BrokerStatus]
    eventually: Callable[..., Any]

    def declare(
        self,
        name: str,
        *,
        node: int,
        kind: str = "classic",
        messages: int = 0,
        durable: bool = True,
    ) -> None:
        arguments = {"x-queue-type": kind} if durable else {}
        self.cluster.call(
            0, "PUT", "queues", self.vhost, name,
            body={"durable": durable, "node": self.cluster.names[node], "arguments": arguments},
        )  # fmt: skip
        for number in range(messages):
            self.cluster.call(
                0, "POST", "exchanges", self.vhost, "amq.default", "publish",
                body={
                    "properties": {"delivery_mode": 2}, "routing_key": name,
                    "payload": str(number), "payload_encoding": "string",
                },
            )  # fmt: skip

    def queue(self, name: str) -> Queue:
        return Queue.objects.get(broker=self.broker, vhost=self.vhost, name=name)

    def depths(self) -> dict[str, int | None]:
        rows = Queue.objects.present().filter(broker=self.broker, vhost=self.vhost)
        return dict(rows.values_list("name", "total"))

    def states(self) -> dict[str, str]:
        """Of the queues that are not gone."""
        rows = Queue.objects.present().filter(broker=self.broker, vhost=self.vhost)
        return dict(rows.values_list("name", "state"))

    def conditions(self) -> dict[str, str]:
        """What the list shows as worst of each queue."""
        rows = Queue.objects.present().filter(broker=self.broker, vhost=self.vhost)
        return dict(rows.values_list("name", "condition"))

    def look(self) -> BrokerStatus:
        """A poll and the inventory that it asks for; slots are whole seconds."""
        time.sleep(1.1)
        self.poll(self.broker)
        return self.inventory(self.broker)

    def until(self, name: str, total: int | None) -> None:
        def seen() -> bool:
            time.sleep(0.7)
            self.poll(self.broker)
            return self.depths().get(name, -1) == total

        self.eventually(seen, within=40)


@pytest.fixture
def scene(
    cluster: Cluster, make_broker: Any, poll_now: Any, inventory_now: Any, eventually: Any
) -> Iterator[Scene]:
    broker = make_broker(
        management_url=cluster.nodes[0].management_url,
        username=cluster.brokers[0].username,
        password=cluster.brokers[0].password,
    )
    yield Scene(cluster, broker, "/", poll_now, inventory_now, eventually)
    cluster.heal()

    def is_empty() -> bool:
        """A queue that has just come back cannot always be deleted at once."""
        for row in cluster.call(0, "GET", "queues", query="?disable_stats=true"):
            with suppress(OSError):
                cluster.brokers[0].forget("queues", row["vhost"], row["name"])
        return not cluster.call(0, "GET", "queues", query="?disable_stats=true")

    eventually(is_empty, within=60)
    # The plugin tells of a deleted queue for some seconds.
    eventually(lambda: all("_queue_messages_ready{" not in cluster.scrape(n) for n in range(3)))


def of_each_kind(scene: Scene) -> None:
    scene.declare("classic", node=2, messages=4)
    scene.declare("quorum", node=2, kind="quorum", messages=5)
    scene.declare("stream", node=2, kind="stream", messages=3)
    scene.declare("here", node=0, messages=2)
    expected = {"classic": 4, "quorum": 5, "stream": 3, "here": 2}
    for name, total in expected.items():
        scene.until(name, total)
    status = scene.look()
    assert status.depths_source == "prometheus"
    assert scene.states() == dict.fromkeys(expected, "running")
    assert scene.queue("quorum").node == scene.cluster.names[2]


def test_depths_of_a_cluster_are_those_of_all_its_nodes_together(scene: Scene) -> None:
    for number in range(3):
        scene.declare(f"q{number}", node=number, messages=number + 1)
        scene.declare(f"s{number}", node=number, kind="stream", messages=number + 4)
    for number in range(3):
        scene.until(f"q{number}", number + 1)
        scene.until(f"s{number}", number + 4)
    status = scene.look()
    assert (status.depths_source, status.queues_without_depth) == ("prometheus", 0)
    assert (status.queues, status.messages_ready) == (6, 21)
    assert "depths" not in status.part_errors


def test_a_dead_node_takes_no_queue_away(
    scene: Scene, client: Any, superuser: Any, api: Any
) -> None:
    of_each_kind(scene)
    before = {name: scene.queue(name).pk for name in scene.depths()}
    scene.cluster.kill(2)

    status = scene.look()
    assert not Queue.objects.filter(broker=scene.broker, gone_at__isnull=False).exists()
    assert scene.states()["classic"] == "down"
    classic = scene.queue("classic")
    assert (classic.ready, classic.total) == (None, None)
    assert (classic.last_ready, classic.last_unacked) == (4, 0)
    assert classic.last_depth_at is not None
    scene.until("quorum", 5)  # its new leader counts them after some seconds
    scene.until("stream", 3)
    status = scene.look()
    assert scene.depths() == {"classic": None, "quorum": 5, "stream": 3, "here": 2}
    assert scene.states() == {
        "classic": "down", "quorum": "running", "stream": "running", "here": "running",
    }  # fmt: skip
    conditions = scene.conditions()
    assert (conditions["classic"], conditions["quorum"]) == ("down", "member_down")
    assert (scene.queue("quorum").members, scene.queue("quorum").members_online) == (3, 2)
    # The sums say what they leave out, and their history has a gap.
    assert (status.queues, status.queues_without_depth, status.messages_ready) == (4, 1, 10)
    assert status.part_errors["depths"].startswith("1 of 4 queues are without figures")
    assert f"Node {scene.cluster.names[2]} is down." in status.part_errors["depths"]
    newest = BrokerSample.objects.filter(broker_id=scene.broker.pk).order_by("-at").first()
    assert newest is not None
    assert (newest.queues, newest.ready) == (4, None)
    assert Poll.objects.filter(broker=scene.broker).order_by("-slot_at").first().complete is False

    # What people and programs are shown.
    assert status.shown_state(status.answered_at) == "node_down"
    assert status.running_nodes() == 2
    sentence = f"Node {scene.cluster.names[2]} is down. Last known depth 4"
    client.force_login(superuser)
    listed = client.get(reverse("queues"), {"broker": scene.broker.pk}).content.decode()
    assert sentence in listed
    assert "state-bad" in listed
    page = client.get(reverse("queue_now", args=[classic.pk])).content.decode()
    assert f"Node {scene.cluster.names[2]} is down." in page
    assert "Last known depth 4" in page
    assert "no longer exists on the broker" not in page
    assert ">Down<" in client.get(reverse("queue", args=[classic.pk])).content.decode()
    found = api.get(f"/api/v1/queues/{classic.pk}/").json()
    assert (found["state"], found["total"], found["last_ready"]) == ("down", None, 4)
    assert found["gone_at"] is None
    assert found["outage"] == f"Node {scene.cluster.names[2]} is down."
    down = api.get("/api/v1/queues/", {"broker": scene.broker.pk, "state": "down"}).json()
    assert [row["name"] for row in down["results"]] == ["classic"]

    # Nobody else's history has a gap by it, and its own one ends in the unknown.
    now = BrokerStatus.objects.get(pk=scene.broker.pk).depths_at
    for name, last in (("here", 2), ("classic", None)):
        points = series(
            scene.queue(name), start=now - timedelta(seconds=40), end=now, step_s=1, now=now
        ).points
        depths = [point.ready for point in points]
        assert depths[-1] == last
        known = depths[depths.index({"here": 2, "classic": 4}[name]) :]
        assert (None in known) is (last is None)

    scene.cluster.start(2)
    scene.cluster.wait()
    # A node is up a moment before its queues are.
    scene.until("classic", 4)
    status = scene.look()
    status = scene.look()
    assert scene.depths() == {"classic": 4, "quorum": 5, "stream": 3, "here": 2}
    assert set(scene.states().values()) == {"running"}
    assert {name: scene.queue(name).pk for name in scene.depths()} == before
    assert (status.queues_without_depth, status.messages_ready) == (0, 14)
    assert status.shown_state(status.answered_at) == "reachable"
    assert "depths" not in status.part_errors
    kept = RecentSnapshot.objects.filter(queue_id=before["classic"]).order_by("at")
    assert list(kept.values_list("ready", flat=True))[-3:] == [4, None, 4]


def test_with_two_of_three_dead_replicated_queues_are_in_minority(scene: Scene) -> None:
    of_each_kind(scene)
    scene.cluster.kill(2)
    scene.cluster.kill(1)
    for _ in range(3):
        status = scene.look()
        assert scene.states() == {
            "classic": "down", "quorum": "minority", "stream": "minority", "here": "running",
        }  # fmt: skip
        conditions = scene.conditions()
        assert (conditions["classic"], conditions["quorum"]) == ("down", "minority")
        depths = scene.depths()
        assert (depths["classic"], depths["here"]) == (None, 2)
        # The one survivor may have been made their leader before the majority was lost.
        assert depths["quorum"] in (None, 5)
        assert depths["stream"] in (None, 3)
        for name, total in {"classic": 4, "quorum": 5, "stream": 3}.items():
            queue = scene.queue(name)
            assert total in (queue.ready, queue.last_ready)
    assert status.queues_without_depth == list(depths.values()).count(None)
    assert not Queue.objects.filter(broker=scene.broker, gone_at__isnull=False).exists()

    scene.cluster.heal()
    for name, total in {"classic": 4, "quorum": 5, "stream": 3}.items():
        scene.until(name, total)
    scene.look()
    scene.look()
    assert set(scene.states().values()) == {"running"}


def test_totals_that_leave_out_queues_delete_none(scene: Scene) -> None:
    of_each_kind(scene)
    off = {"prometheus": {"until": "2999-01-01T00:00:00+00:00", "reason": "test"}}
    BrokerStatus.objects.filter(pk=scene.broker.pk).update(sources_off=off)
    assert scene.look().depths_source == "totals"
    # No source but the plugin tells the depth of a stream.
    assert scene.depths() == {"classic": 4, "quorum": 5, "stream": None, "here": 2}
    scene.cluster.kill(2)
    scene.look()
    # Its new leader has not counted yet, for which the listing says 0.
    assert scene.depths()["quorum"] in (None, 5)
    assert scene.depths()["classic"] is None
    scene.cluster.kill(1)
    for _ in range(2):
        status = scene.look()
        assert status.depths_source == "totals"
        depths = scene.depths()
        assert depths["quorum"] in (None, 5)
        assert depths == {"classic": None, "quorum": depths["quorum"], "stream": None, "here": 2}
        assert scene.states()["quorum"] == "minority"
    assert status.messages_ready == 2 + (depths["quorum"] or 0)


def test_what_is_deleted_while_a_node_is_down_is_gone_when_no_dead_node_can_hold_it(
    scene: Scene,
) -> None:
    of_each_kind(scene)
    scene.declare("elsewhere", node=1, messages=1)
    scene.declare("transient", node=2, durable=False)
    scene.until("elsewhere", 1)
    scene.until("transient", 0)
    scene.look()
    scene.cluster.kill(2)
    scene.look()
    # A queue that does not survive its node is deleted with it, which nobody can tell from here.
    assert scene.states()["transient"] == "down"
    for name in ("elsewhere", "quorum"):
        scene.cluster.call(0, "DELETE", "queues", scene.vhost, name)
    scene.eventually(lambda: scene.look() and "elsewhere" not in scene.states())
    assert scene.queue("elsewhere").gone_at is not None
    assert scene.queue("quorum").gone_at is None
    assert scene.depths()["quorum"] is None

    scene.cluster.heal()
    scene.eventually(lambda: scene.look() and set(scene.states()) == {"classic", "stream", "here"})
    assert scene.queue("quorum").gone_at is not None


def test_a_hanging_node_deletes_nothing(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    of_each_kind(scene)
    quick = Timeouts(connect=1, read=2, total=3)
    monkeypatch.setattr("vhosts.polling.run.QUICK", quick)
    monkeypatch.setattr("vhosts.polling.depths.collect.SLOW", quick)
    scene.cluster.pause(2)
    try:
        for _ in range(2):
            scene.look()
            assert set(scene.states()) == {"classic", "quorum", "stream", "here"}
            assert 0 not in scene.depths().values()
    finally:
        scene.cluster.resume(2)
    scene.cluster.wait()
    scene.until("classic", 4)
    scene.look()
    assert set(scene.states().values()) == {"running"}


def test_with_the_node_dead_that_is_asked_nothing_is_gone(scene: Scene) -> None:
    of_each_kind(scene)
    scene.cluster.kill(0)
    for _ in range(2):
        time.sleep(1.1)
        status = scene.poll(scene.broker)
        scene.inventory(scene.broker)
    assert status.state == "unreachable"
    assert set(scene.states()) == {"classic", "quorum", "stream", "here"}
    assert scene.depths() == {"classic": 4, "quorum": 5, "stream": 3, "here": 2}


def test_a_node_that_is_forgotten_takes_its_queues_with_it(scene: Scene) -> None:
    scene.declare("classic", node=2, messages=4)
    scene.declare("here", node=0)
    scene.until("classic", 4)
    scene.look()
    scene.cluster.kill(2)
    scene.look()
    assert scene.states() == {"classic": "down", "here": "running"}
    # For a queue on a dead node RabbitMQ says that there is none: no proof of a deletion.
    with connect(scene.broker, timeouts=Timeouts()) as management:
        store = BrokerObjects(management.http)
        with pytest.raises(Unreachable):
            store.read("queue", (scene.vhost, "classic"))
        assert store.read("queue", (scene.vhost, "never")) is None

    scene.cluster.forget(2)
    scene.eventually(lambda: scene.look() and scene.states() == {"here": "running"})
    assert scene.queue("classic").last_ready == 4
