"""Who is connected as a RabbitMQ user: on a live broker, and when there is trouble with it."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pika
import pytest
from django.contrib.auth import get_user_model
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from accessctl.grants.roles import Role
from accessctl.models import BrokerUser, Grant
from console.models import Broker
from tests.factories import HOSTILE
from tests.faults.hostile import HostileServer, replies

pytestmark = pytest.mark.django_db
ALL = {"configure": ".*", "write": ".*", "read": ".*"}


@pytest.fixture(autouse=True)
def _no_readings_of_others():
    cache.clear()


@pytest.fixture
def browser(client, superuser):
    client.force_login(superuser)
    return client


def text_of(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", response.content.decode()))


def found_user(broker: Broker, name: str) -> BrokerUser:
    now = datetime.now(UTC)
    return BrokerUser.objects.create(broker=broker, name=name, first_seen_at=now, changed_at=now)


@pytest.fixture
def connected(live_broker, scratch_vhost, scratch_user, make_broker, eventually):
    """A user with two connections to one vhost and one to another, all open."""
    name, password = scratch_user
    other = f"test-{uuid4().hex[:12]}"
    live_broker.call("PUT", "vhosts", other)
    opened = []
    try:
        for vhost in (scratch_vhost.name, scratch_vhost.name, other):
            live_broker.call("PUT", "permissions", vhost, name, body=ALL)
            parameters = live_broker.amqp_parameters(vhost)
            parameters.credentials = pika.PlainCredentials(name, password)
            opened.append(pika.BlockingConnection(parameters))
        eventually(lambda: len(live_broker.call("GET", "connections", "username", name)) == 3)
        yield found_user(make_broker(), name), scratch_vhost.name, other
    finally:
        for one in opened:
            one.close()
        live_broker.forget("vhosts", other)


def test_open_connections_are_read_from_the_broker(browser, api, connected):
    user, vhost, other = connected
    page = browser.get(reverse("user", args=[user.pk]))
    panel = reverse("user_connections", args=[user.pk])
    assert f'hx-get="{panel}"' in page.content.decode()
    shown = text_of(browser.get(panel))
    assert "Open connections 3" in shown
    assert (shown.count(vhost), shown.count(other)) == (2, 1)
    told = api.get(f"/api/v1/users/{user.pk}/connections/").json()
    assert (told["count"], told["complete"], told["trouble"]) == (3, True, None)
    assert sorted(row["vhost"] for row in told["results"]) == sorted([vhost, vhost, other])
    assert all(" -> " in row["name"] and row["node"] for row in told["results"])
    second = api.get(f"/api/v1/users/{user.pk}/connections/?page_size=2&page=2").json()
    assert (second["count"], len(second["results"]), second["next"]) == (3, 1, None)
    assert api.get(f"/api/v1/users/{user.pk}/connections/?page=9").status_code == 404
    assert api.get(f"/api/v1/users/{user.pk}/connections/?nope=1").status_code == 400


def test_only_connections_to_ones_own_virtual_hosts_are_told(connected, now):
    user, vhost, other = connected
    part = get_user_model().objects.create_user("part")
    Grant.objects.create(
        user=part, role=Role.VIEWER, broker=user.broker, vhost_pattern=vhost, created_at=now
    )
    browser = Client()
    browser.force_login(part)
    panel = reverse("user_connections", args=[user.pk])
    # A user with no permission in one's virtual hosts, as far as was seen, is not there at all.
    assert browser.get(panel).status_code == 404
    from tests.factories import permit

    permit(user.broker, user.name, vhost, now)
    shown = text_of(browser.get(panel))
    assert (shown.count(vhost), shown.count(other)) == (2, 0)
    assert "Only connections to virtual hosts that you can see" in shown
    told = browser.get(f"/api/v1/users/{user.pk}/connections/").json()
    assert (told["count"], told["in_part"]) == (2, True)


def test_a_user_whom_nobody_uses_has_none_which_is_not_the_same_as_not_known(
    browser, api, make_broker, scratch_user
):
    user = found_user(make_broker(), scratch_user[0])
    shown = text_of(browser.get(reverse("user_connections", args=[user.pk])))
    assert "No client is connected as this user" in shown
    down = found_user(make_broker(management_url="http://127.0.0.1:9"), "u")
    response = browser.get(reverse("user_connections", args=[down.pk]))
    assert response.status_code == 200
    assert "unknown whether there are any" in text_of(response)
    told = api.get(f"/api/v1/users/{down.pk}/connections/").json()
    assert (told["count"], told["read_at"], told["complete"]) == (None, None, False)
    assert told["trouble"]["code"] == "connection_refused"


def test_a_broker_in_trouble_is_said_beside_what_it_told_before(browser, api, connected):
    user, *_ = connected
    panel = reverse("user_connections", args=[user.pk])
    before = api.get(f"/api/v1/users/{user.pk}/connections/").json()
    Broker.objects.filter(pk=user.broker_id).update(enabled=False)
    shown = text_of(browser.get(panel))
    assert "disabled in the console" in shown
    assert "The list below was read" in shown
    assert "Open connections 3" in shown
    told = api.get(f"/api/v1/users/{user.pk}/connections/").json()
    assert told["trouble"]["code"] == "disabled"
    assert (told["read_at"], told["results"]) == (before["read_at"], before["results"])


def answer_of(rows: list[Any], total: int | None = None) -> bytes:
    return json.dumps({"total_count": total or len(rows), "items": rows}).encode()


def test_names_of_connections_are_text(browser, broker_row):
    rows: list[Any] = [{"name": n, "vhost": n, "user": "u", "node": "<b>n"} for n in HOSTILE]
    rows += [{"name": 5}, "x"]
    with HostileServer(replies(answer_of(rows))) as server:
        user = found_user(broker_row(management_url=server.url), "u")
        response = browser.get(reverse("user_connections", args=[user.pk]))
    assert response.status_code == 200
    assert b"<b>n" not in response.content
    assert not any(n.encode() in response.content for n in HOSTILE if "<" in n or "\u202e" in n)
    assert "2 couldn’t be read" in text_of(response)


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"{}",
        answer_of([{"name": "c", "vhost": "/", "user": "Someone else"}]),
    ],
    ids=["list", "empty", "other"],
)
def test_an_answer_that_is_none_is_trouble(api, broker_row, body):
    with HostileServer(replies(body)) as server:
        user = found_user(broker_row(management_url=server.url), "u")
        told = api.get(f"/api/v1/users/{user.pk}/connections/").json()
    assert (told["trouble"]["code"], told["count"]) == ("malformed_answer", None)


def test_more_than_are_read_at_once_are_bounded(browser, api, broker_row):
    rows = [{"name": f"c{n}", "vhost": "/", "user": "u"} for n in range(500)]
    with HostileServer(replies(answer_of(rows, total=100_000))) as server:
        user = found_user(broker_row(management_url=server.url), "u")
        told = api.get(f"/api/v1/users/{user.pk}/connections/").json()
        shown = text_of(browser.get(reverse("user_connections", args=[user.pk]), {"page": "40"}))
    assert (told["count"], told["complete"], len(told["results"])) == (2000, False, 100)
    assert "Not all connections are listed" in shown
    assert "1951–2000 of" in shown


def test_deleting_a_user_closes_its_connections_as_the_preview_says(
    browser, live_broker, scratch_vhost, scratch_user, make_broker
):
    name, password = scratch_user
    live_broker.call("PUT", "permissions", scratch_vhost.name, name, body=ALL)
    parameters = live_broker.amqp_parameters(scratch_vhost.name)
    parameters.credentials = pika.PlainCredentials(name, password)
    opened = pika.BlockingConnection(parameters)
    shown = browser.get(reverse("user_delete", args=[found_user(make_broker(), name).pk]))
    assert "RabbitMQ closes its open connections immediately." in text_of(shown)
    live_broker.call("DELETE", "users", name)
    with pytest.raises(pika.exceptions.ConnectionClosedByBroker) as closed:
        opened.process_data_events(time_limit=30)
    assert closed.value.reply_code == 320
