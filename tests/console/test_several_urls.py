"""A broker with several management URLs: another one is used while the first doesn't answer."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from console.brokers.broker_settings import BrokerSettings, checked_columns, is_moved
from console.brokers.connect import current_url, endpoint_of
from console.brokers.failover import PROBE_EVERY
from console.brokers.probing import probe_broker
from console.errors import InvalidField
from console.models import Broker, BrokerStatus
from console.rabbitmq.endpoint import Timeouts
from tests.faults.gate import Gate
from tests.faults.hostile import HostileServer, by_path, replies

pytestmark = pytest.mark.django_db

#: Nothing listens there.
CLOSED = "http://127.0.0.1:9"


def settings_of(**more: Any) -> BrokerSettings:
    given = {
        "name": "b",
        "environment": "development",
        "management_url": "http://a.example:15672",
        "username": "warren",
        **more,
    }
    return BrokerSettings(**given)


@pytest.fixture
def broker(make_broker, poll_now, live_broker):
    """Read once by its first URL, which then closes; the second is the same node's."""
    made = make_broker(other_urls=live_broker.url.replace("127.0.0.1", "localhost"))
    status = poll_now(made)
    assert (status.state, status.answered_url, status.urls_off) == ("reachable", "", {})
    assert status.answered_node == live_broker.call("GET", "overview")["node"]
    Broker.objects.filter(pk=made.pk).update(management_url=CLOSED)
    made.refresh_from_db()
    return made


def test_polls_go_on_by_another_url_and_say_so(
    broker, poll_now, inventory_now, client, superuser, api
):
    """The second URL is used, the first is named with the reason and since when."""
    other = broker.other_urls
    status = poll_now(broker)
    assert (status.state, status.failures, status.answered_url) == ("reachable", 0, other)
    assert status.urls_off[CLOSED]["code"] == "connection_refused"
    assert current_url(broker) == endpoint_of(broker).url == other
    status = inventory_now(broker)
    assert status.inventory_at is not None
    client.force_login(superuser)
    page = client.get(f"/brokers/{broker.pk}/").content.decode()
    assert "Read by" in page
    assert status.answered_node in page
    assert f"<code>{CLOSED}</code> doesn’t answer since" in page
    told = api.get(f"/api/v1/brokers/{broker.pk}/").json()
    assert told["other_urls"] == [other]
    assert told["status"]["answered_url"] == other
    assert set(told["status"]["urls_off"]) == {CLOSED}


def test_since_stays_and_the_first_url_is_used_again_after_two_probes(
    broker, poll_now, live_broker
):
    at = poll_now(broker).answered_at + timedelta(seconds=1)
    since = BrokerStatus.objects.get(pk=broker.pk).urls_off[CLOSED]["since"]
    status = poll_now(broker, at + PROBE_EVERY)
    assert status.urls_off[CLOSED]["since"] == since
    # The node listens again, at the first URL.
    Broker.objects.filter(pk=broker.pk).update(management_url=live_broker.url)
    off = {live_broker.url: status.urls_off[CLOSED]}
    BrokerStatus.objects.filter(pk=broker.pk).update(urls_off=off)
    broker.refresh_from_db()
    status = poll_now(broker, at + PROBE_EVERY + timedelta(seconds=2))
    assert status.urls_off[live_broker.url]["good"] == 0, "It isn't probed at every poll."
    status = poll_now(broker, at + 2 * PROBE_EVERY + timedelta(seconds=4))
    assert status.urls_off[live_broker.url]["good"] == 1
    assert status.answered_url == broker.other_urls, "One answer isn't enough."
    status = poll_now(broker, at + 3 * PROBE_EVERY + timedelta(seconds=6))
    assert (status.answered_url, status.urls_off) == ("", {})
    assert current_url(broker) == live_broker.url


def overview(name: str, node: str) -> bytes:
    said = {
        "rabbitmq_version": "3.10.8",
        "cluster_name": name,
        "node": node,
        "listeners": [{"node": node, "protocol": "http", "ip_address": "::", "port": 1}],
    }
    return json.dumps(said).encode()


@pytest.mark.parametrize("same_name", [True, False])
def test_another_cluster_is_never_read(broker, poll_now, same_name, live_broker):
    """Neither one of another name, nor one of the same name without a node in common."""
    name = live_broker.call("GET", "cluster-name")["name"]
    node = live_broker.call("GET", "overview")["node"]
    body = overview(name, "rabbit@stranger") if same_name else overview("stranger", node)
    with HostileServer(by_path({"/api/overview": replies(body)})) as stranger:
        Broker.objects.filter(pk=broker.pk).update(other_urls=stranger.url)
        broker.refresh_from_db()
        status = poll_now(broker)
        status = poll_now(broker)
    assert status.state == "unreachable"
    assert status.answered_url == ""
    assert status.cluster_name == name
    assert status.urls_off[stranger.url]["code"] == "other_cluster"
    assert "another cluster" in status.urls_off[stranger.url]["why"]


def test_a_broker_that_was_never_read_isnt_identified_by_another_url(
    make_broker, poll_now, live_broker
):
    broker = make_broker(management_url=CLOSED, other_urls=live_broker.url)
    status = poll_now(broker)
    assert status.state != "reachable"
    assert status.cluster_name == ""
    assert "hasn't been read yet" in status.urls_off[live_broker.url]["why"]


def test_a_refused_login_isnt_repeated_at_another_node(broker, poll_now, live_broker):
    with Gate(live_broker.url) as other:
        Broker.objects.filter(pk=broker.pk).update(
            management_url=live_broker.url, username="nobody", other_urls=other.url
        )
        broker.refresh_from_db()
        assert poll_now(broker).state == "refused"
        assert other.reads == []


def test_urls_are_checked_like_the_first():
    columns = checked_columns(
        settings_of(
            other_urls=" HTTP://B.example:15672/api/ \n\nhttp://a.example:15672\r\nhttp://b.example:15672"
        )
    )
    assert columns["other_urls"] == "http://b.example:15672"
    for text, words in (
        ("http://ok.example\nftp://b.example", "URL 2: The address must begin with"),
        ("http://user:secret@b.example", "Remove the username and password"),
        ("http://169.254.169.254", "URL 1"),
        ("amqp://b.example", "This is an AMQP address"),
        ("http://b.example:5672", "AMQP port"),
        ("\n".join(f"http://b{n}.example" for n in range(20)), "at most 16"),
    ):
        with pytest.raises(InvalidField) as raised:
            checked_columns(settings_of(other_urls=text))
        assert raised.value.field == "other_urls"
        assert words in raised.value.message


def test_a_stored_password_goes_to_no_new_url():
    """Adding a URL clears the password; removing one, or preferring another, doesn't."""
    a, b, c = ("http://a:1", "http://b:1", "http://c:1")
    base = settings_of(management_url=a, other_urls=f"{b}\n{c}").columns()
    for first, others, moved in (
        (a, f"{b}\n{c}", False),
        (a, b, False),
        (c, f"{a}\n{b}", False),
        (a, f"{b}\nhttp://d:1", True),
        ("http://d:1", f"{b}\n{c}", True),
    ):
        after = settings_of(management_url=first, other_urls=others).columns()
        assert is_moved(base, after) is moved, (first, others)


def test_form_and_api_take_the_urls(client, superuser, api, make_broker, live_broker):
    client.force_login(superuser)
    broker = make_broker()
    form = {
        "name": broker.name, "environment": "development", "management_url": broker.management_url,
        "username": broker.username, "password": live_broker.password, "poll_interval_s": 10,
        "enabled": "on", "tls_verify": "on", "generation": broker.generation,
    }  # fmt: skip
    address = f"/brokers/{broker.pk}/edit/"
    bad = client.post(address, {**form, "other_urls": "http://x\nnonsense"})
    assert bad.status_code == 400
    assert "URL 2: The address must begin with" in bad.content.decode()
    assert (
        client.post(address, {**form, "other_urls": "http://n2:15672\nhttp://n3:15672"}).status_code
        == 302
    )
    broker.refresh_from_db()
    assert broker.management_urls[1:] == ["http://n2:15672", "http://n3:15672"]
    assert broker.has_password
    answer = api.patch(
        f"/api/v1/brokers/{broker.pk}/", {"other_urls": ["http://n4:15672"]}, format="json"
    )
    assert answer.status_code == 200, answer.content
    assert answer.json()["other_urls"] == ["http://n4:15672"]
    assert answer.json()["has_password"] is False
    answer = api.patch(f"/api/v1/brokers/{broker.pk}/", {"other_urls": ["x"]}, format="json")
    assert answer.status_code == 400
    assert b"other_urls" in answer.content


def test_the_connection_test_tries_each_url(make_broker, live_broker, superuser):
    stranger = replies(overview("stranger", "rabbit@stranger"))
    with HostileServer(by_path({"/api/overview": stranger})) as server:
        broker = make_broker(
            other_urls="\n".join(
                [live_broker.url.replace("127.0.0.1", "localhost"), CLOSED, server.url]
            )
        )
        steps = [step for step in probe_broker(broker, superuser) if step.name == "other_url"]
    assert [step.outcome for step in steps] == ["ok", "warning", "failed"]
    assert "another cluster" in steps[2].message


def test_an_operation_that_may_have_been_sent_isnt_sent_to_another_node(
    engine, poll_now, live_broker, scratch_vhost, monkeypatch
):
    """A purge through the first URL whose answer is lost stays unknown; the second node isn't asked."""
    monkeypatch.setattr("console.engine.applying.apply.WRITES", Timeouts(1, 1, 1))
    queue = scratch_vhost.declare("q")
    with Gate(live_broker.url, hold="answer") as first, Gate(live_broker.url) as second:
        Broker.objects.filter(pk=engine.broker.pk).update(
            management_url=first.url, other_urls=second.url
        )
        poll_now(engine.broker)
        change = engine.ask_act("purge", "queue", [scratch_vhost.name, queue])
        engine.apply()
        assert first.held.is_set(), "The broker has the call."
        BrokerStatus.objects.filter(pk=engine.broker.pk).update(answered_url=second.url)
        assert current_url(Broker.objects.get(pk=engine.broker.pk)) == second.url
        for _ in range(3):
            engine.hurry()
            engine.apply()
        assert second.writes == []
        change.refresh_from_db()
        assert change.steps.get().state not in ("pending", "applied")


def test_a_change_goes_on_through_another_node(engine, poll_now, live_broker, names):
    """What waits because the first node is down is applied through the second, after a poll found it."""
    name = names("vhost")
    with Gate(live_broker.url) as first, Gate(live_broker.url) as second:
        Broker.objects.filter(pk=engine.broker.pk).update(
            management_url=first.url, other_urls=second.url
        )
        poll_now(engine.broker)
        BrokerStatus.objects.filter(pk=engine.broker.pk).update(
            next_poll_at=datetime.now(UTC) + timedelta(hours=1)
        )
        first.__exit__()
        change = engine.ask(("vhost", [name], {}))
        engine.apply()
        change.refresh_from_db()
        assert change.state == "waiting"
        soon = BrokerStatus.objects.get(pk=engine.broker.pk).next_poll_at
        assert soon <= datetime.now(UTC), "A poll is requested at once."
        assert poll_now(engine.broker).answered_url == second.url
        engine.hurry()
        engine.apply()
        change.refresh_from_db()
        assert change.state == "done"
        assert [method for method, _ in second.writes] == ["PUT"]
    assert live_broker.call("GET", "vhosts", name)["name"] == name
