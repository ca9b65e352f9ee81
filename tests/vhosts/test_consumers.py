"""Consumers of queues and depths of streams, which no source of depths tells: read beside an inventory, with
an age of their own, and unknown where nothing tells them."""

from __future__ import annotations

from typing import Any

import pytest

from console.models import BrokerStatus
from console.rabbitmq.errors import StatsDisabled, TimedOut
from console.rabbitmq.management.client import ManagementClient
from vhosts.models import Queue
from vhosts.polling.depths.scraping import NodeScrapes

pytestmark = pytest.mark.django_db


@pytest.fixture
def consumed(scratch_vhost: Any) -> Any:
    """A virtual host with a queue that has two consumers, and one that has none."""
    for name in ("busy", "quiet"):
        scratch_vhost.declare(name)
    for _ in range(2):
        scratch_vhost.channel.basic_consume("busy", lambda *_: None)
    return scratch_vhost


@pytest.fixture
def counted(
    consumed: Any, poll_now: Any, inventory_now: Any, eventually: Any, live_broker: Any
) -> Any:
    """counted(broker) -> ({name: consumers}, BrokerStatus) after a poll and an inventory."""
    eventually(
        lambda: (live_broker.call("GET", "overview")["object_totals"].get("consumers") or 0) >= 2
    )

    def count(broker: Any) -> Any:
        poll_now(broker)
        status = inventory_now(broker)
        rows = Queue.objects.filter(broker=broker, vhost=consumed.name)
        return dict(rows.values_list("name", "consumers")), status

    return count


@pytest.fixture
def no_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NodeScrapes, "urls", lambda *_: None)


@pytest.fixture
def no_listing(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: ManagementClient) -> Any:
        raise StatsDisabled

    monkeypatch.setattr(ManagementClient, "consumed", refuse)


def test_the_listing_counts_and_what_it_does_not_name_has_none(make_broker, counted, now) -> None:
    found, status = counted(make_broker())
    assert found == {"busy": 2, "quiet": 0}
    assert status.depths_source == "prometheus"
    assert status.consumers_at >= status.inventory_at


def test_the_source_of_depths_does_not_matter(make_broker, counted, no_plugins) -> None:
    found, status = counted(make_broker())
    assert status.depths_source == "totals"
    assert found == {"busy": 2, "quiet": 0}


def test_the_plugin_counts_where_statistics_are_disabled(make_broker, counted, no_listing) -> None:
    found, status = counted(make_broker())
    assert found == {"busy": 2, "quiet": 0}
    assert status.consumers_at is not None


def test_many_consumers_are_counted_by_the_plugin(make_broker, counted, monkeypatch) -> None:
    monkeypatch.setattr("vhosts.polling.depths.consumers._CHEAPER_LISTED", 1)

    def never(_: ManagementClient) -> Any:
        raise AssertionError("the dearer of the two")

    monkeypatch.setattr(ManagementClient, "consumed", never)
    assert counted(make_broker())[0] == {"busy": 2, "quiet": 0}


def test_an_old_count_does_not_pass_for_a_fresh_one(
    make_broker, counted, monkeypatch, client, superuser
) -> None:
    broker = make_broker()
    counted(broker)
    monkeypatch.setattr(NodeScrapes, "urls", lambda *_: None)

    def slow(_: ManagementClient) -> Any:
        raise TimedOut

    monkeypatch.setattr(ManagementClient, "consumed", slow)
    found, status = counted(broker)
    assert found == {"busy": None, "quiet": None}
    assert status.consumers_at is None


def test_who_does_not_see_all_consumers_counts_none(
    make_broker, counted, no_plugins, live_broker, names, consumed
) -> None:
    """For a user with the tag management, /api/consumers leaves out other virtual hosts without a word."""
    user = names("user")
    live_broker.call("PUT", "users", user, body={"password": "secret", "tags": "management"})
    every = {"configure": ".*", "write": ".*", "read": ".*"}
    live_broker.call("PUT", "permissions", consumed.name, user, body=every)
    found, status = counted(make_broker(username=user, password="secret"))
    assert found == {"busy": None, "quiet": None}
    assert status.consumers_at is None


def test_the_api_says_when(make_broker, counted, api) -> None:
    broker = make_broker()
    counted(broker)
    (row,) = api.get(f"/api/v1/queues/?broker={broker.pk}&search=busy").json()["results"]
    at = BrokerStatus.objects.get(pk=broker.pk).consumers_at
    assert row["consumers"] == 2
    assert row["consumers_at"] == at.isoformat().replace("+00:00", "Z")


def test_a_stream_has_a_last_known_depth_where_the_totals_have_none(
    make_broker, scratch_vhost, poll_now, inventory_now, eventually, no_plugins, live_broker, now
) -> None:
    scratch_vhost.declare("events", **{"x-queue-type": "stream"})
    scratch_vhost.publish("events", 4)
    path = ("queues", scratch_vhost.name, "events")
    eventually(lambda: live_broker.call("GET", *path).get("messages_ready") == 4)
    broker = make_broker()
    poll_now(broker)
    inventory_now(broker)
    stream = Queue.objects.get(broker=broker, vhost=scratch_vhost.name)
    assert (stream.type, stream.ready, stream.total) == ("stream", None, None)
    assert (stream.last_ready, stream.last_unacked) == (4, 0)
    assert stream.last_depth_at is not None
    poll_now(broker)
    stream.refresh_from_db()
    assert stream.last_ready == 4
