"""One queue read fresh: on a live broker, and when there is trouble with it."""

from __future__ import annotations

import re
import socket
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.core.cache import cache

from console.models import BrokerStatus
from console.rabbitmq.types import QueueDepth, QueueInfo, QueueNow
from tests.factories import add_broker, add_queue
from vhosts.queues.detail import governed
from vhosts.queues.read_now import Reading, read_queue_bindings, read_queue_now

pytestmark = pytest.mark.django_db
NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def _no_readings_of_others():
    cache.clear()


@pytest.fixture
def browser(client, superuser):
    client.force_login(superuser)
    return client


def text_of(response) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", response.content.decode()))


@pytest.fixture
def silent_server():
    """Takes connections, counts them, and never answers."""
    listener = socket.create_server(("127.0.0.1", 0))
    taken: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                taken.append(listener.accept()[0])
            except OSError:
                return

    threading.Thread(target=serve, daemon=True).start()
    yield listener.getsockname()[1], taken
    listener.close()
    for one in taken:
        one.close()


def test_figures_bindings_and_consumers_come_from_the_broker(
    browser, make_broker, scratch_vhost, live_broker, eventually
):
    scratch_vhost.declare("work <b>", **{"x-message-ttl": 3_600_000})
    scratch_vhost.channel.queue_bind("work <b>", "amq.topic", "orders.*", {"x-match": "all"})
    live_broker.call(
        "PUT", "policies", scratch_vhost.name, "short",
        body={"pattern": ".*", "definition": {"max-length": 1000}, "apply-to": "queues"},
    )  # fmt: skip
    scratch_vhost.publish("work <b>", 3)
    scratch_vhost.channel.basic_qos(prefetch_count=1)
    scratch_vhost.channel.basic_consume("work <b>", lambda *_: None, consumer_tag="tag <i>")
    queue = add_queue(make_broker(), "work <b>", NOW, vhost=scratch_vhost.name, ready=None)

    def figures():
        cache.clear()
        reading = read_queue_now(queue, now=datetime.now(UTC))
        assert reading.trouble is None
        depth = reading.now.depth
        whole = reading.now.consumers and reading.now.effective_policy
        return reading if (depth.ready, depth.unacked) == (2, 1) and whole else None

    reading = eventually(figures)
    assert [one.tag for one in reading.now.consumers] == ["tag <i>"]
    assert reading.now.effective_policy == {"max-length": 1000}
    page = text_of(browser.get(f"/queues/{queue.pk}/details/"))
    for said in ("Policy short", "max-length", "1,000 messages", "tag &lt;i&gt;", "Active"):
        assert said in page
    page = text_of(browser.get(f"/queues/{queue.pk}/bindings/"))
    for said in ("(default exchange)", "amq.topic", "orders.*", "x-match = all"):
        assert said in page


def test_a_queue_that_is_not_there_is_said_to_be_gone(make_broker, scratch_vhost, browser):
    queue = add_queue(make_broker(), "nowhere", NOW, vhost=scratch_vhost.name)
    reading = read_queue_now(queue, now=NOW)
    assert reading.trouble is not None
    assert reading.trouble.gone
    response = browser.get(f"/queues/{queue.pk}/now/")
    assert response.status_code == 200
    assert "The queue no longer exists on the broker." in text_of(response)


def test_a_broker_that_never_answers_costs_the_panel_three_seconds_and_no_error(
    browser, make_broker, silent_server
):
    port, _ = silent_server
    broker = make_broker(management_url=f"http://127.0.0.1:{port}")
    BrokerStatus.objects.filter(broker=broker).update(depths_at=NOW - timedelta(hours=1))
    queue = add_queue(broker, "q", NOW, ready=41, unacked=1)
    started = time.monotonic()
    response = browser.get(f"/queues/{queue.pk}/now/")
    assert time.monotonic() - started < 10
    assert response.status_code == 200
    text = text_of(response)
    assert "The broker didn&#x27;t answer in time." in text
    assert "41" in text
    assert "stale" in text


def test_many_tabs_cost_a_broker_in_trouble_one_call(browser, broker_row, silent_server):
    port, taken = silent_server
    broker = broker_row(management_url=f"http://127.0.0.1:{port}")
    queue = add_queue(broker, "q", NOW)
    for _ in range(6):
        assert browser.get(f"/queues/{queue.pk}/now/").status_code == 200
        assert browser.get(f"/queues/{queue.pk}/details/").status_code == 200
    assert len(taken) == 1
    read_queue_now(queue, now=datetime.now(UTC) + timedelta(seconds=30))
    assert len(taken) == 2


def test_a_reading_is_shared_for_two_seconds_and_no_longer(make_broker, scratch_vhost):
    scratch_vhost.declare("q")
    queue = add_queue(make_broker(), "q", NOW, vhost=scratch_vhost.name)
    first = read_queue_now(queue, now=NOW)
    assert read_queue_now(queue, now=first.at + timedelta(seconds=1)).at == first.at
    assert read_queue_now(queue, now=first.at + timedelta(seconds=3)).at > first.at


def test_a_refused_log_in_is_not_tried_again_by_looking(make_broker, scratch_vhost, scratch_user):
    user, _ = scratch_user
    scratch_vhost.declare("q")
    broker = make_broker(username=user, password="wrong")
    queue = add_queue(broker, "q", NOW, vhost=scratch_vhost.name)
    first = read_queue_now(queue, now=NOW)
    assert first.trouble.code == "login_refused"
    again = read_queue_now(queue, now=NOW + timedelta(seconds=50))
    assert again.at == first.at
    assert "wrong" not in repr(again)


@pytest.mark.parametrize("change", [{"enabled": False}, {"password_encrypted": ""}])
def test_a_broker_that_may_not_be_asked_is_not_asked(broker_row, browser, silent_server, change):
    port, taken = silent_server
    broker = broker_row(management_url=f"http://127.0.0.1:{port}", **change)
    queue = add_queue(broker, "q", NOW)
    response = browser.get(f"/queues/{queue.pk}/now/")
    assert response.status_code == 200
    assert "The broker wasn’t queried." in text_of(response)
    assert taken == []


def test_a_broker_known_to_refuse_us_is_not_asked(broker_row, silent_server):
    port, taken = silent_server
    broker = broker_row(management_url=f"http://127.0.0.1:{port}")
    BrokerStatus.objects.filter(broker=broker).update(state="refused")
    broker.status.refresh_from_db()
    queue = add_queue(broker, "q", NOW)
    assert not read_queue_now(queue, now=NOW).trouble.asked
    assert taken == []


@pytest.mark.parametrize("name", ["..", ".", "a\nb"])
def test_a_name_that_cannot_be_sent_is_not_sent(broker_row, silent_server, name):
    port, taken = silent_server
    queue = add_queue(broker_row(management_url=f"http://127.0.0.1:{port}"), name, NOW)
    reading = read_queue_now(queue, now=NOW)
    assert reading.trouble.code == "unaddressable_name"
    assert taken == []


def test_bindings_are_read_and_shared_apart(make_broker, scratch_vhost):
    scratch_vhost.declare("q")
    queue = add_queue(make_broker(), "q", NOW, vhost=scratch_vhost.name)
    reading = read_queue_bindings(queue, now=NOW)
    assert [one.source for one in reading.bindings.items] == [""]
    assert read_queue_now(queue, now=NOW).now is not None


def test_each_fact_of_a_queue_carries_its_own_age(browser, broker_row):
    """The depth was polled just now; the policies were listed ten minutes ago."""
    now = datetime.now(UTC)
    broker = broker_row(now=now)
    BrokerStatus.objects.filter(pk=broker.pk).update(
        depths_at=now,
        inventory_at=now,
        parts_at={"queues": (now - timedelta(minutes=10)).isoformat()},
    )
    queue = add_queue(broker, "work", now, operator_policy="limits")
    panel = text_of(browser.get(f"/queues/{queue.pk}/")).split("In force")[1]
    assert re.match(r" listed 1\d min ago .*Operator policy limits", panel)


def test_what_is_read_fresh_wins_over_the_inventory(
    browser, make_broker, scratch_vhost, live_broker
):
    scratch_vhost.declare("work")
    broker = make_broker()
    BrokerStatus.objects.filter(pk=broker.pk).update(state="reachable", inventory_at=NOW)
    queue = add_queue(
        broker, "work", NOW, vhost=scratch_vhost.name, node="", operator_policy="taken away"
    )
    details = text_of(browser.get(f"/queues/{queue.pk}/details/"))
    node = live_broker.call("GET", "overview")["node"]
    assert f"Node {node} Policy none Operator policy none" in details
    assert "taken away" not in details


def test_no_name_of_a_policy_is_not_said_to_be_none_where_one_is_in_effect(browser, now):
    """RabbitMQ names policies seconds after they are in force, and never the operator policy of a stream."""
    broker = add_broker("b", now)
    stream = add_queue(broker, "events", now, type="stream")
    classic = add_queue(broker, "orders", now)
    unnamed = governed(stream).unnamed
    assert "doesn't report the operator policy of a stream" in unnamed
    assert governed(classic).unnamed == ""
    page = browser.get(f"/queues/{stream.pk}/").content.decode()
    assert re.search(r"<dt>Operator policy</dt><dd>none", page) is None
    assert re.search(r"<dt>Policy</dt><dd>none", page)
    assert re.search(
        r"<dt>Operator policy</dt><dd>none", browser.get(f"/queues/{classic.pk}/").content.decode()
    )


def test_a_policy_in_effect_without_a_name_is_said_to_be_unnamed(now, broker_row):
    queue = add_queue(broker_row(), "orders", now)
    info = QueueInfo(
        "/", "orders", "classic", "running", "rabbit@a", True, False, False, {}, None, None
    )
    fresh = QueueNow(
        info,
        QueueDepth("/", "orders", 0, 0, 0),
        (),
        {"max-length": 3},
        None,
        None,
        None,
        None,
        None,
        None,
        None,
    )
    found = governed(queue, Reading(at=now, now=fresh))
    assert "broker doesn't report its name yet" in found.unnamed
    named = replace(fresh, info=replace(info, policy="p"))
    assert governed(queue, Reading(at=now, now=named)).unnamed == ""
