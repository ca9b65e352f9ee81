"""Closing connections: one or many, with a reason, never a successor, and only by whom may."""

from __future__ import annotations

import contextlib
import re
from datetime import datetime, timedelta
from typing import Any

import pika
import pytest
from django.contrib.auth import get_user_model
from django.urls import reverse
from pika.exceptions import (
    AMQPConnectionError,
    AMQPError,
    ChannelClosedByBroker,
    ConnectionClosedByBroker,
)

from accessctl.grants.roles import Role
from accessctl.models import Grant
from console.models import AuditEntry, Broker, Change
from tests.acting import apply, confirm
from vhosts.models import LiveChannel, LiveConnection, LiveReading

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(client: Any, superuser: Any) -> Any:
    client.force_login(superuser)
    return client


@pytest.fixture
def broker(make_broker: Any) -> Broker:
    found: Broker = make_broker()
    return found


@pytest.fixture
def opened(live_broker: Any) -> Any:
    made: list[pika.BlockingConnection] = []

    def connect(vhost: str, name: str) -> pika.BlockingConnection:
        parameters = live_broker.amqp_parameters(vhost)
        parameters.client_properties = {"connection_name": name}
        made.append(pika.BlockingConnection(parameters))
        return made[-1]

    yield connect
    for one in made:
        with contextlib.suppress(AMQPError):
            one.close()


@pytest.fixture
def listed(browser: Any, broker: Broker, eventually: Any) -> Any:
    """The stored connections of these names, once RabbitMQ reports when they were opened."""

    def find(*names: str) -> list[LiveConnection]:
        def look() -> list[LiveConnection] | None:
            LiveReading.objects.update(tried_at=None)
            for what in ("connections", "channels", "consumers"):
                browser.get(reverse(what), {"broker": broker.pk})
            rows = LiveConnection.objects.filter(client_name__in=names, connected_at__isnull=False)
            found = list(rows.order_by("client_name"))
            return found if {row.client_name for row in found} == set(names) else None

        found: list[LiveConnection] = eventually(look)
        return found

    return find


def why_closed(client: pika.BlockingConnection) -> str:
    with pytest.raises((ConnectionClosedByBroker, AMQPConnectionError)) as closed:
        wait_for_the_end(client)
    return str(closed.value)


def wait_for_the_end(client: pika.BlockingConnection) -> None:
    for _ in range(100):
        client.process_data_events(0.1)


def text_of(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", response.content.decode()))


def test_one_connection_is_closed_with_the_reason(
    browser: Any, broker: Broker, scratch_vhost: Any, opened: Any, listed: Any, eventually: Any
) -> None:
    """AC-045: close one connection with a reason; it leaves the list."""
    queue = scratch_vhost.declare("orders")
    client = opened(scratch_vhost.name, "worker-1")
    kept = opened(scratch_vhost.name, "worker-2")
    channel = client.channel()
    own = channel.queue_declare("", exclusive=True).method.queue
    scratch_vhost.publish(queue, 2)
    channel.basic_consume(queue, lambda *_: None)
    client.process_data_events(0.2)
    row = listed("worker-1", "worker-2")[0]
    name = row.name

    def unacked() -> bool:
        listed("worker-1")
        return LiveChannel.objects.filter(connection=name, unacked=2).exists()

    eventually(unacked)
    address = reverse("connection_close", args=[row.pk])
    shown = browser.get(address)
    said = text_of(shown)
    assert "Stops 1 consumer of 1 queue: orders." in said
    assert "2 unacked messages (as last read) return to the queues" in said
    change = apply(confirm(browser, address, shown, reason="Deploy 7 \N{EM DASH} ticket"))
    assert change.state == "done"
    assert "Deploy 7 ? ticket" in why_closed(client)
    kept.process_data_events(0)
    # The client answers only when it handles events, so that it may still be listed.
    page = text_of(browser.get(reverse("change", args=[change.pk])))
    assert "RabbitMQ is closing the connection" in page or "The connection is closed." in page, (
        page[300:2600]
    )
    assert AuditEntry.objects.filter(action="connection:close").exists()
    # What the preview says goes with it.
    again = kept.channel()
    eventually(lambda: again.queue_declare(queue, passive=True).method.message_count == 2)
    with pytest.raises(ChannelClosedByBroker, match="NOT_FOUND"):
        again.queue_declare(own, passive=True)
    listed("worker-2")
    assert not LiveConnection.objects.filter(client_name="worker-1").exists()


def test_a_successor_of_the_same_name_is_never_closed(
    browser: Any, broker: Broker, scratch_vhost: Any, opened: Any, listed: Any
) -> None:
    """The addresses are the same, but it was opened at another time."""
    client = opened(scratch_vhost.name, "worker-1")
    (row,) = listed("worker-1")
    LiveConnection.objects.filter(pk=row.pk).update(
        connected_at=row.connected_at - timedelta(milliseconds=1)
    )
    address = reverse("connection_close", args=[row.pk])
    change = apply(confirm(browser, address, browser.get(address)))
    assert change.state == "rejected"
    assert "Another one has the same addresses now" in text_of(
        browser.get(reverse("change", args=[change.pk]))
    )
    client.process_data_events(0)
    assert client.is_open


def test_one_that_has_closed_by_itself_is_said(
    browser: Any, broker: Broker, scratch_vhost: Any, opened: Any, listed: Any
) -> None:
    client = opened(scratch_vhost.name, "worker-1")
    (row,) = listed("worker-1")
    address = reverse("connection_close", args=[row.pk])
    shown = browser.get(address)
    client.close()
    change = apply(confirm(browser, address, shown))
    assert change.state == "rejected"
    assert "it has already closed" in text_of(browser.get(reverse("change", args=[change.pk])))


def test_all_that_match_a_filter_are_closed(
    browser: Any, broker: Broker, scratch_vhost: Any, opened: Any, listed: Any
) -> None:
    """AC-046, for a filter: only those that match, and those that were shown."""
    clients = [opened(scratch_vhost.name, f"batch-{number}") for number in range(3)]
    other = opened(scratch_vhost.name, "other")
    rows = listed("batch-0", "batch-1", "batch-2", "other")
    address = f"{reverse('connections_close')}?broker={broker.pk}&search=batch-"
    shown = browser.post(address, {"all": "yes", "except": str(rows[0].pk)})
    assert shown.status_code == 200
    assert "Close 2 connections" in text_of(shown)
    change = apply(confirm(browser, address, shown, reason="cleanup"))
    assert (change.state, change.steps.count()) == ("done", 2)
    assert all("cleanup" in why_closed(client) for client in clients[1:])
    for client in (clients[0], other):
        client.process_data_events(0)
        assert client.is_open


def test_production_asks_for_the_number(
    browser: Any, broker: Broker, scratch_vhost: Any, opened: Any, listed: Any
) -> None:
    Broker.objects.filter(pk=broker.pk).update(environment="production")
    client = opened(scratch_vhost.name, "worker-1")
    (row,) = listed("worker-1")
    address = f"{reverse('connections_close')}?broker={broker.pk}"
    shown = browser.post(address, {"ids": row.pk})
    assert "Type the name to confirm" in text_of(shown)
    refused = browser.post(address, {"ids": row.pk, "step": "apply", "seen": "", "key": "a"})
    assert refused.status_code == 400
    assert not Change.objects.exists()
    change = apply(confirm(browser, address, shown, typed="1 connection"))
    assert change.state == "done"
    assert "Closed by an operator" in why_closed(client)


def test_the_api_closes_and_only_by_right(
    api: Any,
    client: Any,
    broker: Broker,
    scratch_vhost: Any,
    opened: Any,
    listed: Any,
    now: datetime,
) -> None:
    opened(scratch_vhost.name, "worker-1")
    (row,) = listed("worker-1")
    found = api.get(
        f"/api/v1/connections/?broker={broker.pk}&vhost={scratch_vhost.name}&search=worker-1"
    )
    assert [one["id"] for one in found.json()["results"]] == [row.pk]
    assert (found.json()["trouble"], found.json()["incomplete"]) == (None, "")
    assert found.json()["read_at"]
    one = api.get(f"/api/v1/connections/{row.pk}/")
    assert one.json()["client_properties"]["connection_name"] == "worker-1"
    planned = api.post(f"/api/v1/connections/{row.pk}/close/?dry_run=true")
    assert planned.json()["counts"]["close"] == 1
    made = api.post(f"/api/v1/connections/{row.pk}/close/", {"reason": "by program"}, "json")
    assert made.status_code == 202
    assert apply(Change.objects.get()).state == "done"
    assert api.post(f"/api/v1/connections/{row.pk + 1}/close/").status_code == 404

    for role, status in ((Role.VIEWER, 403), (Role.OPERATOR, 200)):
        person = get_user_model().objects.create_user(f"a-{role}")
        Grant.objects.create(
            user=person, role=role, broker=broker, vhost_pattern=scratch_vhost.name, created_at=now
        )
        client.force_login(person)
        LiveConnection.objects.get_or_create(
            id=7, broker=broker, vhost=scratch_vhost.name, name="a", user="u", connected_at=now
        )
        assert client.get(reverse("connection_close", args=[7])).status_code == status
    LiveConnection.objects.filter(pk=7).update(vhost="/")
    assert client.get(reverse("connection_close", args=[7])).status_code == 404
