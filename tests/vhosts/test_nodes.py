"""Nodes: list, page, history, memory, health checks, API; what polls keep of them."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from accessctl.grants.roles import Role
from accessctl.models import Grant
from console.models import BrokerStatus
from tests.factories import HOSTILE, add_queue, register_broker
from tests.faults.hostile import HostileServer, by_path, replies
from vhosts.models import Node, NodeSample
from vhosts.nodes.reading import CHECKS, run_checks

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(client: Any, superuser: Any) -> Any:
    client.force_login(superuser)
    return client


@pytest.fixture
def node(make_broker, poll_now, live_broker, eventually) -> Node:
    """The live broker's node, as a poll saw it. One that has just started names no plugins for some
    seconds."""
    eventually(
        lambda: "rabbitmq_management" in str(live_broker.call("GET", "nodes")[0]["applications"])
    )
    broker = make_broker()
    poll_now(broker)
    return Node.objects.select_related("broker__status").get(broker=broker)


def test_a_poll_keeps_each_node_with_what_it_reports(node, live_broker):
    """AC-040: figures, version, paths, plugins; each with the time at which it was read."""
    (said,) = live_broker.call("GET", "nodes")
    assert (node.name, node.running, node.gone_at) == (said["name"], True, None)
    assert node.version == live_broker.call("GET", "overview")["rabbitmq_version"]
    assert node.mem_limit == said["mem_limit"]
    assert node.fd_total == said["fd_total"]
    assert node.proc_total == said["proc_total"]
    assert node.details["facts"]["db_dir"] == said["db_dir"]
    assert node.details["log_files"] == said["log_files"]
    assert "rabbitmq_management" in node.plugins
    assert node.seen_at == node.broker.status.vitals_at or node.seen_at is not None
    sample = NodeSample.objects.get(node_id=node.pk)
    assert sample.mem_used == node.mem_used
    # The status of the broker stays small: it is read by every page.
    assert "more" not in node.broker.status.nodes[0]


def test_samples_are_spaced_and_a_node_that_left_is_gone(node, poll_now):
    at = node.seen_at
    for seconds in (10, 20, 32):
        poll_now(node.broker, at + timedelta(seconds=seconds))
    assert 2 <= NodeSample.objects.filter(node_id=node.pk).count() <= 3
    Node.objects.filter(pk=node.pk).update(name="rabbit@gone")
    poll_now(node.broker, at + timedelta(seconds=60))
    node.refresh_from_db()
    assert node.gone_at is not None
    assert Node.objects.present().filter(broker=node.broker).count() == 1


def test_pages_show_the_node(browser, node):
    listed = browser.get("/nodes/").content.decode()
    assert node.name in listed
    assert f'href="/nodes/{node.pk}/"' in listed
    assert browser.get("/nodes/?state=running&sort=-memory").status_code == 200
    assert b"".join(browser.get("/nodes.csv")).decode().count(node.name) == 1
    page = browser.get(f"/nodes/{node.pk}/").content.decode()
    for text in (
        node.version, "Forecast", "Read memory", "Run health checks", "rabbitmq-upgrade -n", "drain", "Listeners",
        node.details["facts"]["db_dir"],
    ):  # fmt: skip
        assert text in page, text
    assert browser.get("/nodes/999999/").status_code == 404


def test_memory_is_read_on_request_only(browser, node, live_broker):
    """AC-039: the memory of a node by part."""
    assert "Binaries" not in browser.get(f"/nodes/{node.pk}/").content.decode()
    text = browser.get(f"/nodes/{node.pk}/memory/").content.decode()
    assert "Binaries (message bodies)" in text
    assert "in total" in text


def test_health_checks_say_what_they_found_in_words(browser, node):
    """AC-164, AC-165, AC-171: each by name, per node; what the version lacks is said, not failed."""
    text = browser.post(f"/nodes/{node.pk}/checks/").content.decode()
    assert node.name in text
    assert "this node" in text
    for words in ("No node has an alarm.", "All virtual hosts run on the node.", "Passed"):
        assert words in text, words
    assert "offer the check" in text


def test_health_checks_of_another_cluster_arent_this_ones(node):
    said = {"rabbitmq_version": "3.10.8", "cluster_name": "stranger", "node": "rabbit@stranger"}
    with HostileServer(by_path({"/api/overview": replies(json.dumps(said).encode())})) as stranger:
        node.broker.other_urls = stranger.url
        node.broker.save()
        mine, theirs = run_checks(node.broker, now=node.seen_at).found
    assert (mine.node, len(mine.results)) == (node.name, len(CHECKS))
    assert (theirs.node, theirs.results) == ("", ())
    assert "another cluster" in theirs.why
    assert {one.target for one in stranger.requests} == {"/api/overview"}


def test_health_checks_of_a_slow_node_end_before_all_are_run(now, monkeypatch):
    def slow(talk):
        if "health" in talk.request.target:
            talk.wait(0.2)
        talk.reply(b'{"status": "ok", "rabbitmq_version": "4.3.0", "node": "rabbit@slow"}')

    monkeypatch.setattr("vhosts.nodes.reading._MOST_S", 0.3)
    with HostileServer(slow) as server:
        broker = register_broker(management_url=server.url)
        (found,) = run_checks(broker, now=now).found
    assert found.results[0].outcome == "ok"
    assert found.results[-1].outcome == "skipped"
    assert "too slowly" in found.results[-1].sentence


def test_history_is_null_where_nothing_is_known(browser, node):
    NodeSample.objects.filter(node_id=node.pk).delete()
    at = node.seen_at - timedelta(minutes=20)
    NodeSample.objects.create(node_id=node.pk, at=at, mem_used=100, fd_used=None)
    told = browser.get(f"/nodes/{node.pk}/history.json?range=1h").json()
    assert 100 in told["mem_used"]
    assert told["mem_used"][0] is None
    assert told["mem_used"][-1] is None
    assert set(told["fd_used"]) == {None}
    assert len(told["at"]) == len(told["mem_used"])
    assert browser.get(f"/nodes/{node.pk}/history.json?range=x").status_code == 400


def test_a_node_that_is_down_shows_dashes_and_no_zeros(browser, node, api):
    Node.objects.filter(pk=node.pk).update(
        running=False, mem_used=None, mem_limit=None, disk_free=None, disk_free_limit=None, fd_used=None, fd_total=None,
        sockets_used=None, proc_used=None, run_queue=None, uptime_ms=None, version="", details={}, plugins=None,
        mem_alarm=None, disk_free_alarm=None,
    )  # fmt: skip
    row = browser.get("/nodes/?sort=state").content.decode()
    assert row.count("unknown: The node is down") >= 6
    page = browser.get(f"/nodes/{node.pk}/").content.decode()
    assert "The node is down since" in page
    assert page.count("unknown: The node is down") >= 15
    assert "Unknown: the node&#x27;s figures aren&#x27;t current." in page
    told = api.get(f"/api/v1/nodes/{node.pk}/").json()
    assert (told["state"], told["mem_used"], told["run_queue"]) == ("down", None, None)


def test_the_api_lists_nodes_with_history_and_forecast(api, node):
    told = api.get("/api/v1/nodes/", {"broker": node.broker_id, "state": "running"}).json()
    (row,) = told["results"]
    assert (row["name"], row["stale"]) == (node.name, False)
    assert row["mem_used"] == node.mem_used
    history = api.get(f"/api/v1/nodes/{node.pk}/history/").json()
    assert node.mem_used in [round(value) for value in history["mem_used"] if value is not None]
    forecast = api.get(f"/api/v1/nodes/{node.pk}/forecast/").json()
    assert [one["outcome"] for one in forecast] == ["unknown"] * 3
    assert api.get("/api/v1/nodes/", {"state": "x"}).status_code == 400
    assert api.get(f"/api/v1/nodes/{node.pk}/history/?from=x").status_code == 400


def test_hostile_names_and_paths_are_shown_as_text(browser, node):
    for name in HOSTILE:
        Node.objects.filter(pk=node.pk).update(
            name=name[:255],
            partitions=[name],
            details={
                "facts": {"db_dir": name},
                "links": [{"node": name, "address": name, "sent": None, "received": 1.5}],
                "config_files": [name],
                "log_files": [name],
                "figures": {},
            },
            certificates=[{"protocol": name[:40], "port": 1, "why": name}],
        )
        for address in ("/nodes/", f"/nodes/{node.pk}/"):
            page = browser.get(address)
            assert page.status_code == 200
            assert "<img src=x" not in page.content.decode()
            assert "<script>alert" not in page.content.decode()


def test_trouble_with_nodes_costs_the_poll_nothing(make_broker, poll_now, monkeypatch):
    from django.db import DataError

    def fail(*_: object) -> None:
        raise DataError("no")

    monkeypatch.setattr("vhosts.nodes.keep._keep", fail)
    broker = make_broker()
    status = poll_now(broker)
    assert status.state == "reachable"
    assert status.depths_at is not None
    assert BrokerStatus.objects.get(pk=broker.pk).depths_claim > 0
    assert not Node.objects.filter(broker=broker).exists()


def test_queues_of_hidden_virtual_hosts_arent_counted(client, browser, node, now):
    """A person who sees a part of the broker sees its nodes, but not how many queues others have."""
    for vhost in ("mine", "hidden", "hidden2"):
        add_queue(node.broker, "q", now, vhost=vhost, type="quorum", node=node.name)
    assert browser.get(f"/nodes/{node.pk}/").context["leads"] == 3
    part = get_user_model().objects.create_user("part")
    Grant.objects.create(
        user=part, role=Role.VIEWER, broker=node.broker, vhost_pattern="mine", created_at=now
    )
    client.force_login(part)
    page = client.get(f"/nodes/{node.pk}/")
    assert page.context["leads"] == 1
    assert "in virtual hosts that you can see" in page.content.decode()
