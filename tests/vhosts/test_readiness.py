"""Upgrade readiness: the way, what blocks, what changes, what is unknown."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accessctl.grants.roles import Role
from accessctl.models import Grant
from console.models import BrokerStatus
from tests.factories import add_broker, add_queue
from vhosts.models import ClusterReport, Policy, Queue
from vhosts.readiness import objects
from vhosts.readiness.judge import judge
from vhosts.readiness.releases import TARGETS, path

pytestmark = pytest.mark.django_db


@pytest.fixture
def broker(now):
    broker = add_broker(
        "main", now, nodes=[{"name": "a", "running": True}], vitals_at=now, plugins=["rabbitmq_management"],
        rabbitmq_version="3.10.8", erlang_version="24.3", alarms=[],
    )  # fmt: skip
    ClusterReport.objects.create(
        broker=broker, read_at=now, versions={"a": "3.10.8"},
        flags=[{"name": "quorum_queue", "state": "enabled", "stability": "stable"},
               {"name": "stream_queue", "state": "disabled", "stability": "stable"}],
    )  # fmt: skip
    return broker


def said(items):
    return " | ".join(f"{item.sentence} {[s.name for s in item.subjects]}" for item in items)


@pytest.mark.parametrize(
    ("version", "target", "way"),
    [
        ((3, 10, 8), "4.3", ["3.11", "3.12", "3.13", "4.2", "4.3"]),
        ((3, 13, 7), "4.1", ["4.1"]),
        ((4, 0, 5), "4.2", ["4.2"]),
        ((4, 3, 6), "4.3", []),
        ((4, 3, 6), "4.0", None),
        ((3, 8, 9), "3.13", None),
    ],
)
def test_the_shortest_way_in_place(version, target, way):
    found = path(version, target)
    assert (found if found is None else [one.name for one in found]) == way


def test_what_blocks_is_judged_by_the_tables_of_refusals(broker, superuser, now):
    add_queue(broker, "transient", now, durable=False, exclusive=False)
    add_queue(
        broker, "located", now, arguments={"x-queue-master-locator": "min-masters"}, exclusive=False
    )
    add_queue(broker, "lazy", now, arguments={"x-queue-mode": "lazy"}, exclusive=False)
    add_queue(
        broker,
        "replicated",
        now,
        type="quorum",
        arguments={"x-queue-type": "quorum"},
        exclusive=False,
    )
    Policy.objects.create(
        broker=broker, vhost="/", name="mirrored", pattern="^a", apply_to="queues", priority=0,
        definition={"ha-mode": "all"}, first_seen_at=now, changed_at=now,
    )  # fmt: skip
    one = judge([broker], "4.3", superuser, now)[0]
    blocks, changes = said(one.blocks), said(one.changes)
    assert one.verdict == "blocked"
    assert "4.3 can't be reached in one step: 3.11 → 3.12 → 3.13 → 4.2 → 4.3" in blocks
    assert "RabbitMQ 3.11 needs Erlang 25.0 or later; 24.3 runs" in blocks
    assert "ha-mode: it was removed in 4.0. ['/ / mirrored']" in blocks
    assert (
        "x-queue-master-locator by default. Use x-queue-leader-locator. ['/ / located']" in blocks
    )
    assert "denied by default from RabbitMQ 4.3 on. ['/ / transient']" in blocks
    assert "1 feature flag must be enabled" in blocks
    assert "['stream_queue']" in blocks
    assert "x-queue-mode has no effect from RabbitMQ 3.12 on. ['/ / lazy']" in changes
    assert "delivery limit get one of 20 from RabbitMQ 4.0 on. ['/ / replicated']" in changes
    assert "global_qos" in said(one.unknown)
    until = judge([broker], "3.13", superuser, now)[0]
    assert "ha-mode" not in said(until.items)
    assert "transient" not in said(until.items)


def test_unknown_is_said_and_never_ready(now, superuser):
    dark = add_broker("dark", now)
    one = judge([dark], "4.0", superuser, now)[0]
    assert (one.verdict, one.steps) == ("unknown", None)
    BrokerStatus.objects.filter(pk=dark.pk).update(
        rabbitmq_version="3.13.7", erlang_version="26.2.5"
    )
    dark.refresh_from_db()
    dark.status.refresh_from_db()
    one = judge([dark], "4.0", superuser, now)[0]
    assert one.verdict == "unknown"
    assert not one.blocks
    told = said(one.unknown)
    for what in (
        "feature flags are unknown",
        "enabled plugins are unknown",
        "every node runs is unknown",
    ):
        assert what in told


def test_page_and_api_for_a_broker_and_the_fleet(broker, client, superuser, api, now):
    add_queue(broker, "<b>evil", now, durable=False, exclusive=False)
    client.force_login(superuser)
    text = client.get(f"/upgrade/?broker={broker.pk}&to=4.3").content.decode()
    assert "&lt;b&gt;evil" in text
    assert "<b>evil" not in text
    for target in TARGETS:
        assert client.get(f"/upgrade/?to={target}").status_code == 200
    assert client.get("/upgrade/?to=5.0").status_code == 400
    rows = api.get("/api/v1/upgrade-readiness/", {"broker": "main", "to": "4.3"}).json()["results"]
    assert (rows[0]["verdict"], rows[0]["version"]) == ("blocked", "3.10.8")
    assert rows[0]["blocks"][0]["sentence"]


def test_the_cost_does_not_grow_with_brokers(broker, superuser, client, now):
    client.force_login(superuser)

    def cost():
        with CaptureQueriesContext(connection) as queries:
            client.get("/upgrade/")
        return len(queries)

    cost()
    few = cost()
    for number in range(5):
        other = add_broker(
            f"b{number}", now, rabbitmq_version="3.12.1", erlang_version="25.3", vitals_at=now
        )
        add_queue(other, "q", now, exclusive=False)
    assert cost() <= few


@pytest.fixture
def good(now):
    """A broker of 4.2 that is ready for 4.3, as far as it is known."""
    broker = add_broker(
        "good", now, nodes=[{"name": "a", "running": True}], vitals_at=now, plugins=[], alarms=[],
        rabbitmq_version="4.2.1", erlang_version="27.1",
    )  # fmt: skip
    ClusterReport.objects.create(
        broker=broker, read_at=now, versions={"a": "4.2.1"}, flags=[], deprecated=[]
    )
    return broker


def test_who_sees_a_part_is_never_told_ready(good, superuser, now):
    assert judge([good], "4.3", superuser, now)[0].verdict == "ready"
    one_vhost = get_user_model().objects.create_user("one")
    Grant.objects.create(user=one_vhost, role=Role.VIEWER, broker=good, vhost_pattern="mine", created_at=now)  # fmt: skip
    add_queue(good, "secret", now, vhost="theirs", durable=False, exclusive=False)
    add_queue(good, "own", now, vhost="mine", durable=False, exclusive=False)
    one = judge([good], "4.3", one_vhost, now)[0]
    assert "['mine / own']" in said(one.blocks)
    assert "secret" not in said(one.items)
    assert "theirs" not in said(one.items)
    assert "Only the virtual hosts that you may see were judged" in said(one.unknown)
    Queue.objects.filter(name="own").delete()
    assert judge([good], "4.3", one_vhost, now)[0].verdict == "unknown"


def test_what_is_old_is_unknown(good, superuser, now):
    BrokerStatus.objects.filter(pk=good.pk).update(vitals_at=now - timedelta(days=1), alarms=None)
    ClusterReport.objects.update(read_at=now - timedelta(days=1))
    good.status.refresh_from_db()
    one = judge([good], "4.3", superuser, now)[0]
    assert one.verdict == "unknown"
    told = said(one.unknown)
    for what in ("nodes are out of date", "alarm is in effect is unknown", "feature flags are unknown. No recent"):  # fmt: skip
        assert what in told


def test_what_one_page_does_not_judge_is_told(good, superuser, monkeypatch, now):
    first = add_broker("first", now, rabbitmq_version="4.2.1", erlang_version="27.1")
    brokers = sorted([good, first], key=lambda one: one.pk)
    for broker in brokers:
        for number in range(2):
            add_queue(broker, f"q{number}", now, exclusive=False, arguments={"x-expires": 9 + number})  # fmt: skip
    monkeypatch.setattr(objects, "MOST", 3)
    complete, cut = judge(brokers, "4.3", superuser, now)
    assert "Not all queues were judged" in said(cut.unknown)
    assert "Not all" not in said(complete.unknown)
