"""The page of a broker's cluster: its name, feature flags, leaders and members."""

from __future__ import annotations

import pytest

from console.models import Change
from tests.acting import apply, confirm, preview
from vhosts.models import Queue

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(client, superuser):
    client.force_login(superuser)
    return client


@pytest.fixture
def broker(make_broker, poll_now):
    made = make_broker()
    poll_now(made)
    made.refresh_from_db()
    return made


def test_the_page_shows_name_flags_and_nodes(browser, broker, live_broker):
    """AC-037, AC-172, AC-173: cluster name, feature flags, deprecated features in use."""
    page = browser.get(f"/brokers/{broker.pk}/cluster/")
    text = page.content.decode()
    assert page.status_code == 200
    assert live_broker.call("GET", "cluster-name")["name"] in text
    flags = live_broker.call("GET", "feature-flags")
    assert all(flag["name"] in text for flag in flags)
    facts = page.context["facts"]
    assert {flag.name for flag in facts.flags} == {flag["name"] for flag in flags}
    if facts.deprecated is None:
        assert "This version of RabbitMQ" in text
    plugins = page.context["plugins"]
    assert plugins is None or "rabbitmq_management" in text
    assert (
        f"/brokers/{broker.pk}/cluster/" in browser.get(f"/brokers/{broker.pk}/").content.decode()
    )


def test_the_cluster_is_renamed(browser, broker, live_broker, inventory_now):
    """AC-037: the name is changed by a change like any other."""
    was = live_broker.call("GET", "cluster-name")["name"]
    inventory_now(broker)
    address = f"/brokers/{broker.pk}/cluster/name/"
    try:
        assert browser.get(address).status_code == 200
        shown = preview(browser, address, name="warren é <b>")
        change = apply(confirm(browser, address, shown))
        assert change.state == "done"
        assert live_broker.call("GET", "cluster-name")["name"] == "warren é <b>"
        text = browser.get(f"/brokers/{broker.pk}/cluster/").content.decode()
        assert "<b>" not in text.replace("warren é &lt;b&gt;", "")
    finally:
        live_broker.call("PUT", "cluster-name", body={"name": was})


def test_a_flag_that_is_enabled_or_unknown_is_refused_by_the_act(browser, broker, live_broker):
    """AC-172: enabling is one act for each flag, which can't be undone."""
    name = live_broker.call("GET", "feature-flags")[0]["name"]
    for flag, sentence in ((name, "already enabled"), ("no_such_flag", "no such feature flag")):
        address = f"/brokers/{broker.pk}/cluster/flags/?flag={flag}"
        shown = browser.get(address)
        assert "can&#x27;t be disabled again" in shown.content.decode()
        change = apply(confirm(browser, address, shown))
        assert change.state == "rejected"
        assert sentence in change.steps.get().error_detail


def test_leaders_are_rebalanced(browser, broker, live_broker):
    """The act says who leads before and after."""
    address = f"/brokers/{broker.pk}/cluster/rebalance/"
    change = apply(confirm(browser, address, browser.get(address)))
    assert change.state == "done", change.steps.get().error_detail
    assert "moves leaders in the background" in change.steps.get().result


def test_members_of_a_queue(browser, broker, live_broker, scratch_vhost, inventory_now):
    """AC-084: the members of a quorum queue, its leader, and the command where HTTP can't."""
    scratch_vhost.channel.queue_declare("q é", durable=True, arguments={"x-queue-type": "quorum"})
    inventory_now(broker)
    queue = Queue.objects.get(broker=broker, vhost=scratch_vhost.name)
    page = browser.get(f"/queues/{queue.pk}/members/")
    (row,) = page.context["rows"]
    assert (row.there, row.leads) == (True, True)
    node = live_broker.call("GET", "nodes")[0]["name"]
    assert row.node == node
    if not page.context["over_http"]:
        assert "rabbitmq-queues add_member -p" in page.content.decode()
    address = f"/queues/{queue.pk}/members/change/?act=add_member&node={node}"
    change = apply(confirm(browser, address, browser.get(address)))
    assert change.state == "rejected"
    assert "has a member on" in change.steps.get().error_detail
    address = address.replace("add_member", "remove_member")
    change = apply(confirm(browser, address, browser.get(address)))
    assert "at least one member" in change.steps.get().error_detail
    assert browser.get(f"/queues/{queue.pk}/members/change/?act=x&node={node}").status_code == 400
    assert (
        browser.get(f"/queues/{queue.pk}/members/change/?act=add_member&node=x").status_code == 400
    )


def test_members_on_a_node_need_a_version_that_can(browser, broker, live_broker):
    """AC-084: growing and shrinking; older brokers are told by the tool that can."""
    node = live_broker.call("GET", "nodes")[0]["name"]
    text = browser.get(f"/brokers/{broker.pk}/cluster/").content.decode()
    can = tuple(
        map(int, live_broker.call("GET", "overview")["rabbitmq_version"].split(".")[:2])
    ) >= (3, 13)
    address = f"/brokers/{broker.pk}/cluster/members/?act=grow&node={node}"
    if not can:
        assert f"rabbitmq-queues grow {node} all" in text
    change = apply(confirm(browser, address, browser.get(address)))
    assert change.state == ("done" if can else "rejected")
    unknown = browser.get(f"/brokers/{broker.pk}/cluster/members/?act=grow&node=nowhere")
    assert unknown.status_code == 400
    assert Change.objects.count() == 1


def test_a_flag_that_no_broker_can_have_is_refused(browser, broker):
    address = f"/brokers/{broker.pk}/cluster/flags/?flag=a%01b&flag={'x' * 201}"
    assert "no such feature flag" in browser.get(address).content.decode()
