"""The same cluster registered twice: warned of, and refused until somebody says that they know."""

from __future__ import annotations

import io
import json
import sys
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from console.models import Broker

pytestmark = pytest.mark.django_db


@pytest.fixture
def first(make_broker: Any, poll_now: Any) -> Broker:
    """Registered, and polled once."""
    broker = make_broker(name="first")
    poll_now(broker)
    return broker


@pytest.fixture
def again(live_broker: Any) -> dict[str, Any]:
    """Settings of the same node, under another address."""
    return {
        "name": "again",
        "environment": "staging",
        "management_url": live_broker.url.replace("127.0.0.1", "localhost"),
        "username": live_broker.username,
        "password": live_broker.password,
        "poll_interval_s": 10,
    }


def test_the_api_refuses_a_second_one_unless_it_is_meant(
    api: Any, first: Broker, again: dict[str, Any]
) -> None:
    refused = api.post("/api/v1/brokers/", again, format="json")
    assert refused.status_code == 400
    assert "registered already, as first" in refused.content.decode()
    assert "allow_duplicate" in refused.content.decode()
    assert Broker.objects.count() == 1
    added = api.post("/api/v1/brokers/", {**again, "allow_duplicate": True}, format="json")
    assert added.status_code == 201


def test_the_page_asks_before_it_adds_a_second_one(
    admin_client: Client, first: Broker, again: dict[str, Any]
) -> None:
    assert "allow_duplicate" not in admin_client.get("/brokers/add/").content.decode()
    refused = admin_client.post("/brokers/add/", again)
    assert refused.status_code == 400
    assert "registered already, as first" in refused.content.decode()
    assert 'name="allow_duplicate"' in refused.content.decode()
    admin_client.post("/brokers/add/", {**again, "allow_duplicate": "on"})
    assert Broker.objects.filter(name="again").exists()


def test_the_command_needs_an_option(
    first: Broker, again: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = json.dumps({key: value for key, value in again.items() if key != "name"})
    monkeypatch.setattr(sys, "stdin", io.StringIO(given))
    with pytest.raises(CommandError, match="registered already, as first"):
        call_command("ensure_broker", name="again")
    monkeypatch.setattr(sys, "stdin", io.StringIO(given))
    call_command("ensure_broker", name="again", allow_duplicate=True, stdout=io.StringIO())
    assert Broker.objects.count() == 2


def test_the_test_of_a_connection_warns(
    api: Any, first: Broker, again: dict[str, Any], admin_client: Client
) -> None:
    steps = api.post("/api/v1/brokers/test/", again, format="json").json()["steps"]
    assert (steps[-1]["name"], steps[-1]["outcome"]) == ("duplicate", "warning")
    assert "Duplicate" in admin_client.post("/brokers/add/test/", again).content.decode()
    own = api.post(f"/api/v1/brokers/{first.pk}/test/").json()["steps"]
    assert "duplicate" not in [step["name"] for step in own]


def test_a_poll_tells_of_a_twin_that_came_in_another_way(
    first: Broker, make_broker: Any, poll_now: Any
) -> None:
    assert "duplicate" not in poll_now(first).part_errors
    second = make_broker(name="second")
    assert "count twice" in poll_now(second).part_errors["duplicate"]
    assert "count twice" in poll_now(first).part_errors["duplicate"]


def test_another_cluster_of_the_same_name_is_no_twin(
    first: Broker, make_broker: Any, poll_now: Any
) -> None:
    first.status.refresh_from_db()
    nodes = [{**node, "name": "rabbit@elsewhere"} for node in first.status.nodes]
    first.status.nodes = nodes
    first.status.save()
    assert "duplicate" not in poll_now(make_broker(name="second")).part_errors
