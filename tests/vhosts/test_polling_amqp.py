"""Depths by AMQP, the last source: where the broker tells them neither by Prometheus nor by listing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from tests.faults.gate import Gate
from vhosts.models import BrokerSample, Poll, Queue

pytestmark = [pytest.mark.django_db, pytest.mark.faults]


@pytest.fixture
def plain_user(live_broker: Any, scratch_vhost: Any) -> Iterator[tuple[str, str]]:
    """May use one virtual host and its management, and see no node: so there is no Prometheus for it."""
    name, password = f"test-{uuid4().hex[:12]}", uuid4().hex
    live_broker.call("PUT", "users", name, body={"password": password, "tags": "management"})
    rights = {"configure": ".*", "write": ".*", "read": ".*"}
    live_broker.call("PUT", "permissions", scratch_vhost.name, name, body=rights)
    yield name, password
    live_broker.forget("users", name)


@pytest.fixture
def broker(make_broker: Any, live_broker: Any, plain_user: tuple[str, str]) -> Any:
    at = live_broker.amqp_parameters()
    return make_broker(
        username=plain_user[0], password=plain_user[1], amqp_url=f"amqp://{at.host}:{at.port}"
    )


def refuse_listings(broker: Any, gate: Gate) -> None:
    type(broker).objects.filter(pk=broker.pk).update(management_url=gate.url)


def test_depths_come_by_amqp_where_the_broker_lists_none(
    broker, live_broker, scratch_vhost, poll_now
) -> None:
    scratch_vhost.declare("work")
    scratch_vhost.declare("idle")
    assert poll_now(broker).depths_source == "totals"
    assert Queue.objects.filter(broker=broker).count() == 2
    with Gate(live_broker.url, refuse="/api/queues") as gate:
        refuse_listings(broker, gate)
        scratch_vhost.publish("work", 7)
        status = poll_now(broker)
        assert (status.state, status.depths_source) == ("reachable", "passive")
        assert "depths" not in status.part_errors
        work = Queue.objects.get(broker=broker, name="work")
        assert (work.ready, work.unacked, work.total) == (7, None, None), "AMQP tells no unacked"
        assert Queue.objects.get(broker=broker, name="idle").ready == 0
        # Which other queues there are was not told, so there is no sum.
        assert not Poll.objects.filter(broker=broker).latest("slot_at").complete
        assert (status.messages_ready, status.messages_unacked) == (None, None)
        assert BrokerSample.objects.filter(broker_id=broker.pk).latest("at").ready is None
        scratch_vhost.take("work", 4)
        scratch_vhost.delete("idle")
        poll_now(broker)
        assert Queue.objects.get(broker=broker, name="work").ready == 3
        # It was not there when asked for, which only a listing makes certain.
        assert Queue.objects.get(broker=broker, name="idle").gone_at is None
    type(broker).objects.filter(pk=broker.pk).update(management_url=live_broker.url)
    assert poll_now(broker).depths_source == "totals"


def test_no_more_queues_than_is_cheap_are_asked_one_by_one(
    broker, live_broker, scratch_vhost, poll_now, monkeypatch
) -> None:
    scratch_vhost.declare("a")
    scratch_vhost.declare("b")
    poll_now(broker)
    monkeypatch.setattr("vhosts.polling.depths.collect._PASSIVE_AT_MOST", 1)
    with Gate(live_broker.url, refuse="/api/queues") as gate:
        refuse_listings(broker, gate)
        scratch_vhost.publish("a", 2)
        status = poll_now(broker)
        assert status.state == "reachable"
        assert "2 queues one by one would take too long" in status.part_errors["depths"]
        assert "passive" in status.sources_off, "it is left alone for a while"
        assert Queue.objects.get(broker=broker, name="a").ready == 0, "what was last known"
