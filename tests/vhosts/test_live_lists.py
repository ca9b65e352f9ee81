"""The live lists of connections, channels and consumers, on a live broker."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import pika
import pytest
from django.contrib.auth import get_user_model
from django.urls import reverse

from accessctl.grants.roles import Role
from accessctl.models import Grant
from console.models import Broker
from vhosts.models import LiveConnection, LiveReading

pytestmark = pytest.mark.django_db
HOSTILE = "<img src=x onerror=alert(1)>\u202egnp {{7*7}}"


@pytest.fixture
def browser(client: Any, superuser: Any) -> Any:
    client.force_login(superuser)
    return client


@pytest.fixture
def broker(make_broker: Any) -> Broker:
    return make_broker()


@pytest.fixture
def opened(live_broker: Any) -> Any:
    """Opens connections that are closed after the test."""
    made: list[pika.BlockingConnection] = []

    def connect(vhost: str, name: str = "worker", **properties: Any) -> pika.BlockingConnection:
        parameters = live_broker.amqp_parameters(vhost)
        parameters.client_properties = {"connection_name": name, **properties}
        made.append(pika.BlockingConnection(parameters))
        return made[-1]

    yield connect
    for one in made:
        if one.is_open:
            one.close()


def text_of(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", response.content.decode()))


def read_again() -> None:
    """Make the next viewer read again."""
    LiveReading.objects.update(tried_at=None)


def listed(browser: Any, what: str, broker: Broker, **filters: Any) -> list[Any]:
    read_again()
    page = browser.get(reverse(what), {"broker": broker.pk, **filters})
    assert page.status_code == 200
    return page.context["listing"].rows


def seen_rows(
    browser: Any, eventually: Any, what: str, broker: Broker, least: int = 1, **filters: Any
) -> Any:
    """RabbitMQ's figures come some seconds after the connection."""
    return eventually(
        lambda: len(rows := listed(browser, what, broker, **filters)) >= least and rows
    )


class TestLists:
    def test_connections_channels_and_consumers_of_a_client(
        self,
        browser: Any,
        broker: Broker,
        scratch_vhost: Any,
        opened: Any,
        eventually: Any,
        live_broker: Any,
    ) -> None:
        """AC-050: every figure of a client's connection, channel and consumer."""
        queue = scratch_vhost.declare("orders")
        client = opened(scratch_vhost.name, HOSTILE, product="<b>shop</b>", nested={"a": [1]})
        channel = client.channel()
        channel.confirm_delivery()
        channel.basic_qos(prefetch_count=7)
        scratch_vhost.publish(queue, 3)
        channel.basic_consume(queue, lambda *_: None, consumer_tag="tag-1")
        client.process_data_events(0.2)

        vhost = scratch_vhost.name
        eventually(
            lambda: any(
                row.unacked == 3 for row in listed(browser, "channels", broker, vhost=vhost)
            )
        )
        rows = listed(browser, "connections", broker, vhost=vhost)
        assert HOSTILE in {row.client_name for row in rows}
        (one,) = [row for row in rows if row.client_name == HOSTILE]
        assert (one.user, one.tls, one.state, one.auth_mechanism) == (
            live_broker.username,
            False,
            "running",
            "PLAIN",
        )
        assert one.protocol == "AMQP 0-9-1"
        assert one.connected_at is not None
        assert (one.client_properties["product"], one.client_properties["nested"]) == (
            "<b>shop</b>",
            {"a": [1]},
        )
        (two,) = [
            r for r in listed(browser, "channels", broker, vhost=vhost) if r.connection == one.name
        ]
        assert (two.mode, two.prefetch, two.unacked, two.consumers) == ("confirm", 7, 3, 1)
        assert (two.connection_id, two.client_name) == (one.pk, HOSTILE)
        (three,) = listed(browser, "consumers", broker, vhost=vhost, queue=queue)
        assert (three.tag, three.ack_required, three.prefetch, three.exclusive) == (
            "tag-1",
            True,
            7,
            False,
        )
        assert (three.connection, three.channel, three.active) == (one.name, two.name, True)

        page = browser.get(reverse("connection", args=[one.pk]))
        assert "<b>shop</b>" not in page.content.decode()
        assert "<img src=x" not in page.content.decode()
        assert "<b>shop</b>".replace("<", "&lt;").replace(">", "&gt;") in page.content.decode()
        assert "tag-1" in text_of(page)
        assert "tag-1" in text_of(browser.get(reverse("channel", args=[two.pk])))
        exported = b"".join(
            browser.get(reverse("consumers_csv"), {"broker": broker.pk, "vhost": vhost})
        ).decode()
        assert "tag-1" in exported

    def test_filters_are_in_the_address(
        self,
        browser: Any,
        broker: Broker,
        scratch_vhost: Any,
        opened: Any,
        eventually: Any,
        live_broker: Any,
    ) -> None:
        opened(scratch_vhost.name, "first")
        opened(scratch_vhost.name, "second")
        vhost = scratch_vhost.name
        seen_rows(browser, eventually, "connections", broker, 2, vhost=vhost, state="running")
        for filters, names in (
            ({"search": "FIRST"}, {"first"}),
            ({"user": live_broker.username, "search": "first"}, {"first"}),
            ({"user": live_broker.username[:-1]}, set()),
            ({"host": "127.", "search": "second"}, {"second"}),
            ({"host": "10."}, set()),
            ({"state": "blocked"}, set()),
            ({"protocol": "amqp091", "search": "first"}, {"first"}),
            ({"protocol": "mqtt"}, set()),
            ({"no_tls": "1", "search": "first"}, {"first"}),
        ):
            rows = listed(browser, "connections", broker, vhost=vhost, **filters)
            assert {row.client_name for row in rows} == names, filters

    def test_an_empty_list_is_empty_only_if_the_broker_says_so(
        self, browser: Any, broker: Broker, scratch_vhost: Any
    ) -> None:
        page = browser.get(reverse("consumers"), {"broker": broker.pk, "vhost": scratch_vhost.name})
        assert "No consumers" in text_of(page)
        Broker.objects.filter(pk=broker.pk).update(
            management_url="http://127.0.0.1:9", generation=broker.generation + 1
        )
        read_again()
        page = browser.get(reverse("consumers"), {"broker": broker.pk})
        assert "Unknown" in text_of(page)
        assert "No consumers" not in text_of(page)
        export = browser.get(reverse("consumers_csv"), {"broker": broker.pk})
        assert export.status_code == 503

    def test_a_failed_reading_shows_the_last_one_with_its_age_and_why(
        self, browser: Any, broker: Broker, scratch_vhost: Any, opened: Any, eventually: Any
    ) -> None:
        opened(scratch_vhost.name, "kept")
        seen_rows(
            browser, eventually, "connections", broker, vhost=scratch_vhost.name, search="kept"
        )
        Broker.objects.filter(pk=broker.pk).update(management_url="http://127.0.0.1:9")
        read_again()
        page = browser.get(reverse("connections"), {"broker": broker.pk, "search": "kept"})
        assert [row.client_name for row in page.context["listing"].rows] == ["kept"]
        assert "The broker didn’t list its connections now." in text_of(page)
        assert "Nothing listens on that host and port." in text_of(page)
        assert "stale" in text_of(page)

    def test_viewers_see_only_their_virtual_hosts(
        self,
        client: Any,
        browser: Any,
        broker: Broker,
        scratch_vhost: Any,
        opened: Any,
        eventually: Any,
        now: datetime,
    ) -> None:
        opened("/", "elsewhere")
        opened(scratch_vhost.name, "here")
        eventually(
            lambda: (
                {"elsewhere", "here"}
                <= {r.client_name for r in listed(browser, "connections", broker)}
            )
        )
        hidden = LiveConnection.objects.get(client_name="elsewhere")
        part = get_user_model().objects.create_user("part")
        Grant.objects.create(
            user=part,
            role=Role.VIEWER,
            broker=broker,
            vhost_pattern=scratch_vhost.name,
            created_at=now,
        )
        client.force_login(part)
        rows = listed(client, "connections", broker)
        assert {row.vhost for row in rows} == {scratch_vhost.name}
        assert "elsewhere" not in text_of(client.get(reverse("connections"), {"broker": broker.pk}))
        assert client.get(reverse("connection", args=[hidden.pk])).status_code == 404
        mine = next(row for row in rows if row.client_name == "here")
        assert client.get(reverse("connection", args=[mine.pk])).status_code == 200
        assert client.get(reverse("connection_close", args=[mine.pk])).status_code == 403
        assert client.get(reverse("connection_close", args=[hidden.pk])).status_code == 404

    def test_one_that_is_gone_is_not_found(
        self, browser: Any, broker: Broker, scratch_vhost: Any, opened: Any, eventually: Any
    ) -> None:
        """AC-051: an unknown connection or channel."""
        client = opened(scratch_vhost.name, "short")
        (one,) = seen_rows(
            browser, eventually, "connections", broker, vhost=scratch_vhost.name, search="short"
        )
        assert browser.get(reverse("connection", args=[one.pk])).status_code == 200
        client.close()
        eventually(lambda: not listed(browser, "connections", broker, search="short"))
        assert browser.get(reverse("connection", args=[one.pk])).status_code == 404
        assert browser.get(reverse("channel", args=[one.pk])).status_code == 404
