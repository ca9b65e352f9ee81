"""What a change read back is on the pages and in the API at once, and stays there."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse

from accessctl.models import BrokerPermission, BrokerTopicPermission, BrokerUser
from console.models import BrokerStatus, Change
from console.rabbitmq.passwords import SHA256
from tests.engine import utc_now
from vhosts.models import Exchange, Queue, VirtualHost
from vhosts.polling import dispatch, run
from vhosts.polling.depths.collect import DepthCollector
from vhosts.polling.inventory import take as inventory
from vhosts.polling.inventory.parts import parts
from vhosts.polling.inventory.read_back import note_read_back

pytestmark = pytest.mark.django_db
ALL = {"configure": ".*", "write": "^a", "read": ""}
NO_PASSWORD = {"password_hash": "", "hashing_algorithm": SHA256}


@pytest.fixture
def broker(engine, poll_now):
    poll_now(engine.broker)
    return engine.broker


@pytest.fixture
def made(engine, broker, names):
    """A vhost and a user with a permission and a topic permission, made by one change."""
    vhost, user = names("vhost"), names("user")
    change = engine.do(
        ("vhost", [vhost], {"description": "ours", "limits": {"max-queues": 7}}),
        ("user", [user], {"tags": ["monitoring", "a"]}, NO_PASSWORD),
        ("permission", [vhost, user], ALL),
        ("topic_permission", [vhost, user, "amq.topic"], {"write": "^w", "read": "^r"}),
    )
    assert change.state == "done"
    return vhost, user


def rows(broker: Any, vhost: str, user: str) -> list[dict[str, Any]]:
    """What is known of the four objects, with their ids and times."""
    in_vhost = {"broker": broker, "vhost": vhost, "user": user}
    return [
        *VirtualHost.objects.filter(broker=broker, name=vhost).values(),
        *BrokerUser.objects.filter(broker=broker, name=user).values(),
        *BrokerPermission.objects.filter(**in_vhost).values(),
        *BrokerTopicPermission.objects.filter(**in_vhost).values(),
    ]


def test_what_was_made_is_there_at_once_and_the_inventory_confirms_it(
    broker, made, inventory_now, client, superuser
):
    before = rows(broker, *made)
    vhost, user, permission, topic = before
    assert (vhost["description"], vhost["limits"]) == ("ours", {"max-queues": 7})
    assert vhost["tracing"] is False
    assert sorted(user["tags"]) == ["a", "monitoring"]
    assert (user["has_password"], user["hashing_algorithm"]) == (False, SHA256)
    assert {name: permission[name] for name in ALL} == ALL
    assert (topic["write"], topic["read"]) == ("^w", "^r")
    client.force_login(superuser)
    for page, row in (("vhost", vhost), ("user", user)):
        assert client.get(reverse(page, args=[row["id"]])).status_code == 200
    change = client.get(reverse("change", args=[Change.objects.get().pk])).content.decode()
    for page, row in (("vhost", vhost), ("user", user)):
        assert f'href="{reverse(page, args=[row["id"]])}"' in change
    inventory_now(broker)
    after = rows(broker, *made)
    # On which nodes a new vhost runs is for the inventory to find out; all else is as it was.
    assert after[0].pop("cluster_state") != before[0].pop("cluster_state") == {}
    assert after[0].pop("changed_at") > before[0].pop("changed_at")
    assert after == before


def test_a_change_is_seen_at_once_and_touches_nothing_else(engine, broker, made, inventory_now):
    inventory_now(broker)
    before = rows(broker, *made)
    vhost, user = made
    engine.do(("vhost", [vhost], {"description": "theirs", "limits": {}}))
    engine.do(("permission", [vhost, user], ALL))
    after = rows(broker, *made)
    assert (after[0]["description"], after[0]["limits"]) == ("theirs", {})
    assert after[0]["id"] == before[0]["id"]
    assert after[0]["cluster_state"] == before[0]["cluster_state"] != {}
    assert after[1:] == before[1:], "what was equal already has not changed"


def test_what_was_deleted_is_gone_at_once_with_its_permissions(engine, broker, made, names):
    vhost, user = made
    other = names("user")
    engine.do(
        ("user", [other], {"tags": []}, NO_PASSWORD),
        ("permission", [vhost, other], ALL),
    )
    engine.do(("user", [user], None))
    assert [row["name"] for row in rows(broker, vhost, user)] == [vhost]
    assert BrokerPermission.objects.filter(broker=broker, vhost=vhost, user=other).exists()
    engine.do(("vhost", [vhost], None))
    assert not BrokerPermission.objects.filter(broker=broker, vhost=vhost).exists()
    assert not VirtualHost.objects.filter(broker=broker, name=vhost).exists()
    assert BrokerUser.objects.filter(broker=broker, name=other).exists()


@pytest.fixture
def meanwhile(monkeypatch):
    """meanwhile(part, act): the next inventories run `act` once they have read that part, before they
    store what they read."""

    def plan(name: str, act: Any) -> None:
        def read_and_act(part: Any) -> Any:
            def read(client: Any) -> Any:
                listing = part.read(client)
                act()
                return listing

            return replace(part, read=read) if part.kind.name == name else part

        monkeypatch.setattr(inventory, "parts", lambda: [read_and_act(part) for part in parts()])

    return plan


def test_an_inventory_that_read_before_the_change_does_not_undo_it(
    engine, broker, names, inventory_now, meanwhile
):
    old, new, kept = names("user"), names("user"), names("user")
    none = {"tags": []}
    engine.do(("user", [old], none, NO_PASSWORD), ("user", [kept], none, NO_PASSWORD))
    there = BrokerUser.objects.filter(broker=broker)

    def change() -> None:
        engine.do(("user", [old], None), ("user", [new], none, NO_PASSWORD))
        engine.do(("user", [kept], {"tags": ["monitoring"]}))

    meanwhile("users", change)
    status = inventory_now(broker)
    assert not there.filter(name=old).exists()
    made = there.get(name=new)
    assert there.get(name=kept).tags == ["monitoring"]
    assert [engine.target("user", name).sync for name in (old, new, kept)] == ["in_sync"] * 3
    interval = timedelta(seconds=30)
    assert status.next_inventory_at < status.inventory_at + interval, "it is asked for again"
    meanwhile("users", lambda: None)
    inventory_now(broker)
    assert there.get(name=new).pk == made.pk
    assert there.get(name=kept).tags == ["monitoring"]
    assert not there.filter(name=old).exists()


def test_text_that_cannot_be_kept_does_not_undo_the_outcome(broker, now):
    """A hostile broker says more than was asked for."""
    spec = {"description": "", "tags": [], "default_queue_type": "a\0b", "limits": {}}
    note_read_back(broker.pk, "vhost", {("v",): spec, ("w",): None}, now=now, origins={})
    assert not VirtualHost.objects.filter(broker=broker).exists()


@pytest.fixture
def filled(engine, broker, made, live_broker, poll_now, inventory_now):
    """Queues and an exchange in the vhost of `made`, polled; the names of the queues."""
    vhost, _ = made
    live_broker.call(
        "PUT", "permissions", vhost, live_broker.username,
        body={"configure": ".*", "write": ".*", "read": ".*"},
    )  # fmt: skip
    queues = [f"q{number}" for number in range(7)]
    for name in queues:
        live_broker.call("PUT", "queues", vhost, name, body={"durable": True})
    live_broker.call("PUT", "exchanges", vhost, "e", body={"type": "fanout"})
    live_broker.call(
        "POST", "exchanges", vhost, "amq.default", "publish",
        body={"properties": {}, "routing_key": "q0", "payload": "x", "payload_encoding": "string"},
    )  # fmt: skip
    inventory_now(broker)
    return queues


def test_queues_and_exchanges_of_a_deleted_vhost_vanish_at_once_from_lists_and_totals(
    engine, broker, made, filled, poll_now, eventually, api
):
    vhost, _ = made

    def polled() -> bool:
        poll_now(broker)
        return Queue.objects.get(broker=broker, vhost=vhost, name="q0").total == 1

    eventually(polled)
    before = BrokerStatus.objects.get(broker=broker)
    exchanges = Exchange.objects.filter(broker=broker, vhost=vhost).count()
    assert exchanges > 1
    engine.do(("vhost", [vhost], None))
    listed = api.get(f"/api/v1/queues/?broker={broker.pk}").json()["results"]
    assert not [one for one in listed if one["vhost"] == vhost]
    gone = Queue.objects.get(broker=broker, vhost=vhost, name="q0")
    assert (gone.gone_at is not None, gone.ready, gone.total) == (True, None, None)
    assert not Exchange.objects.filter(broker=broker, vhost=vhost).exists()
    after = BrokerStatus.objects.get(broker=broker)
    assert after.queues == before.queues - len(filled)
    assert after.messages_ready == before.messages_ready - 1
    assert after.exchanges == before.exchanges - exchanges


def test_a_poll_that_read_before_the_vhost_was_deleted_does_not_bring_its_queues_back(
    engine, broker, made, filled, poll_now, monkeypatch
):
    vhost, _ = made
    read = DepthCollector.collect

    def read_and_delete(*given: Any, **more: Any) -> Any:
        depths = read(*given, **more)
        engine.do(("vhost", [vhost], None))
        return depths

    poll_now(broker)
    there = Queue.objects.present().filter(broker=broker, vhost=vhost)
    assert there.count() == len(filled)
    monkeypatch.setattr(DepthCollector, "collect", read_and_delete)
    due = BrokerStatus.objects.filter(broker=broker)
    due.update(next_poll_at=utc_now(), depths_claim=0)
    for claimed in dispatch.claim_due_polls(utc_now()):
        run.poll(claimed.broker_id, claimed.claim, utc_now())
    assert not there.exists()
    monkeypatch.undo()
    poll_now(broker)
    assert not there.exists()


@pytest.mark.parametrize("part", ["queues", "exchanges", "permissions", "topic_permissions"])
def test_an_inventory_that_read_before_the_vhost_was_deleted_does_not_bring_back_what_was_in_it(
    engine, broker, made, filled, inventory_now, meanwhile, part
):
    vhost, _ = made
    meanwhile(part, lambda: engine.do(("vhost", [vhost], None)))
    inventory_now(broker)
    assert not Queue.objects.present().filter(broker=broker, vhost=vhost).exists()
    for model in (Exchange, BrokerPermission, BrokerTopicPermission):
        assert not model.objects.filter(broker=broker, vhost=vhost).exists()
