"""Faults on live nodes fire within two polls and resolve, with the standard rules as they are shipped
but for their durations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from console.background.signs.heartbeats import queue_heartbeat
from console.models import Broker, BrokerStatus, Heartbeat
from tests.cluster import Cluster, three_nodes
from tests.faults.own_node import OwnNode
from vhosts.alerts.evaluate.passes import evaluate
from vhosts.alerts.evaluate.watch import evaluate_console, evaluate_overdue
from vhosts.models import AlertEvaluation, AlertEvent, AlertIncident, AlertRule, Queue
from vhosts.polling import dispatch
from vhosts.tasks import poll_broker, take_inventory, watch_alerts

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


def poll(broker: Broker) -> BrokerStatus:
    """One poll as a worker does it, with the evaluation after it."""
    moment = dispatch.database_now()
    BrokerStatus.objects.filter(pk=broker.pk).update(next_poll_at=moment, claimed_until=None)
    for due in dispatch.claim_due_polls(moment):
        if due.broker_id == broker.pk:
            poll_broker(due.broker_id, due.claim)
    return BrokerStatus.objects.select_related("broker").get(pk=broker.pk)


def inventory(broker: Broker) -> None:
    moment = dispatch.database_now()
    BrokerStatus.objects.filter(pk=broker.pk).update(
        next_inventory_at=moment, inventory_claimed_until=None
    )
    for due in dispatch.claim_due_inventories(moment):
        if due.broker_id == broker.pk:
            take_inventory(due.broker_id, due.claim)


def switch_on(key: str, **fields: Any) -> AlertRule:
    rule = AlertRule.objects.get(standard_key=key)
    for name, value in {"enabled": True, "for_s": 0, "keep_s": 0, **fields}.items():
        setattr(rule, name, value)
    rule.save()
    return rule


def state(rule: AlertRule, **subject: Any) -> str:
    """The state of the newest incident of a rule; "" if there is none."""
    found = AlertIncident.objects.filter(rule=rule, **subject).order_by("-pk").first()
    return found.state if found else ""


@pytest.fixture
def soon(eventually: Any) -> Callable[..., None]:
    """soon(rule, state, see): `see` polls until the rule's incident has the state. RabbitMQ's own
    figures are some seconds old, so the fault is waited for; then it must fire with that poll."""

    def wait(rule: AlertRule, expected: str, see: Callable[[], object], **subject: Any) -> None:
        eventually(lambda: (see(), state(rule, **subject) == expected)[1], within=90)

    return wait


@pytest.fixture(scope="module")
def own_node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnNode]:
    with OwnNode(tmp_path_factory.mktemp("alerts")) as node:
        yield node


@pytest.fixture
def own_broker(own_node: OwnNode, make_broker: Any) -> Broker:
    from tests.conftest import LiveBroker

    live = LiveBroker(own_node.url)
    broker: Broker = make_broker(
        management_url=live.url, username=live.username, password=live.password
    )
    return broker


def test_alarms_of_memory_and_disk(own_node, own_broker, soon) -> None:
    memory, disk = switch_on("memory-alarm"), switch_on("disk-alarm")
    near = switch_on("memory-high")
    poll(own_broker)
    assert (state(memory), state(disk), state(near)) == ("", "", "")
    see = lambda: poll(own_broker)  # noqa: E731
    own_node.control("set_vm_memory_high_watermark", "0.00001")
    soon(memory, "firing", see)
    assert state(disk) == ""
    own_node.control("set_vm_memory_high_watermark", "0.4")
    own_node.control("set_disk_free_limit", "900000GB")
    soon(memory, "resolved", see)
    soon(disk, "firing", see)
    assert AlertIncident.objects.get(rule=disk).detail.startswith("Publishers are blocked")
    own_node.control("set_disk_free_limit", "50MB")
    soon(disk, "resolved", see)
    assert AlertEvent.objects.filter(incident__rule=memory).count() == 2


def test_a_broker_that_hangs_is_down_and_nothing_of_it_resolves(own_node, own_broker, soon) -> None:
    from tests.conftest import LiveBroker

    live = LiveBroker(own_node.url)
    live.call("PUT", "queues", "/", "unread", body={"durable": True})
    message = {
        "properties": {},
        "routing_key": "unread",
        "payload": "1",
        "payload_encoding": "string",
    }
    live.call("POST", "exchanges", "/", "amq.default", "publish", body=message)
    down, unread = switch_on("broker-down"), switch_on("no-consumers")

    def see() -> None:
        poll(own_broker)
        inventory(own_broker)
        poll(own_broker)

    soon(unread, "firing", see, name="unread")
    own_node.pause()
    try:
        soon(down, "firing", lambda: poll(own_broker))
        assert state(unread) == "no_data"
    finally:
        own_node.resume()
    soon(down, "resolved", lambda: poll(own_broker))
    soon(unread, "firing", see)
    live.call("DELETE", "queues", "/", "unread")
    soon(unread, "resolved", see)


def test_a_queue_without_consumers_that_grows(make_broker, scratch_vhost, soon) -> None:
    broker = make_broker()
    name = scratch_vhost.name
    ready, unread = (
        switch_on("ready-high", threshold=5, clear_threshold=2),
        switch_on("no-consumers"),
    )
    growing = switch_on("queue-growing", vhost_pattern=name)
    scratch_vhost.declare("work")

    def see() -> None:
        poll(broker)
        inventory(broker)
        poll(broker)

    see()
    scratch_vhost.publish("work", 7)
    soon(ready, "firing", see, vhost=name)
    soon(unread, "firing", see, vhost=name)
    Queue.objects.filter(vhost=name).update(growth_5m=500)
    evaluate(broker.pk, dispatch.database_now())
    assert state(growing) == "firing"
    scratch_vhost.channel.basic_consume("work", lambda *_: None, auto_ack=True)
    soon(unread, "resolved", see, vhost=name)
    scratch_vhost.channel.connection.process_data_events(1)
    soon(ready, "resolved", see, vhost=name)


def test_what_is_changed_outside(engine, names, live_broker) -> None:
    drift, policies = switch_on("drift"), switch_on("effective-policy")
    broker, vhost = engine.broker, names("vhost")
    policy = {"pattern": ".*", "apply-to": "queues", "priority": 0}
    engine.do(("vhost", [vhost], {"description": "orders"}))
    live_broker.call(
        "PUT", "permissions", vhost, live_broker.username,
        body={"configure": ".*", "write": ".*", "read": ".*"},
    )  # fmt: skip
    live_broker.call("PUT", "queues", vhost, "work", body={"durable": True})
    poll(broker)
    inventory(broker)
    assert (state(drift), state(policies)) == ("", "")
    live_broker.call("PUT", "vhosts", vhost, body={"description": "theirs"})
    live_broker.call(
        "PUT", "policies", vhost, "cap", body={**policy, "definition": {"max-length": 5}}
    )
    inventory(broker)
    assert state(drift, vhost=vhost) == "firing"
    changed = AlertIncident.objects.get(rule=policies, vhost=vhost)
    assert (changed.state, changed.name) == ("firing", "work")
    assert changed.detail == "Was: no policy. Now: cap."
    poll(broker)
    assert (state(drift), state(policies)) == ("firing", "firing")
    live_broker.call("PUT", "vhosts", vhost, body={"description": "orders"})
    live_broker.call("DELETE", "policies", vhost, "cap")
    inventory(broker)
    assert (state(drift), state(policies)) == ("resolved", "resolved")


def test_a_changed_policy_counts_as_accepted_when_it_is_acknowledged(
    make_broker, scratch_vhost, live_broker, superuser
) -> None:
    from vhosts.alerts.acting import acknowledge

    policies = switch_on("effective-policy")
    broker, vhost = make_broker(), scratch_vhost.name
    scratch_vhost.declare("work")
    policy = {"pattern": ".*", "apply-to": "queues", "priority": 0}
    poll(broker)
    for number, expected in enumerate(("", "firing")):
        body = {**policy, "definition": {"max-length": 5 + number}}
        live_broker.call("PUT", "policies", vhost, "cap", body=body)
        inventory(broker)
        assert state(policies, vhost=vhost) == expected
    incident = AlertIncident.objects.get(rule=policies, vhost=vhost)
    assert incident.detail == "Was: cap. Now: cap with another definition."
    acknowledge(incident.pk, superuser, dispatch.database_now())
    inventory(broker)
    assert state(policies) == "resolved"


def test_a_worker_of_the_console_that_died(db) -> None:
    rule = switch_on("worker-silent")
    now = dispatch.database_now()
    for queue in ("default", "polling", "apply"):
        Heartbeat.objects.create(name=queue_heartbeat(queue), at=now)
    Heartbeat.objects.create(name="beat", at=now)
    evaluate_console(now)
    assert state(rule) == ""
    Heartbeat.objects.filter(name=queue_heartbeat("apply")).update(at=now - timedelta(minutes=2))
    evaluate_console(now + timedelta(seconds=6))
    incident = AlertIncident.objects.get(rule=rule)
    assert (incident.name, incident.broker, incident.state) == ("worker of apply", None, "firing")
    Heartbeat.objects.update(at=now + timedelta(seconds=12))
    evaluate_console(now + timedelta(seconds=12))
    assert state(rule) == "resolved"


def test_polls_that_nobody_takes_are_reported_by_the_watch(make_broker) -> None:
    broker = make_broker()
    overdue, down = switch_on("poll-overdue"), switch_on("broker-down")
    poll(broker)
    assert (state(overdue), state(down)) == ("", "")
    watch_alerts()
    assert AlertEvaluation.objects.filter(broker=None).exists()
    now = dispatch.database_now() + timedelta(minutes=5)
    evaluate_overdue(now)
    assert (state(overdue), state(down)) == ("firing", "firing")
    BrokerStatus.objects.filter(pk=broker.pk).update(next_poll_at=now, answered_at=now)
    evaluate(broker.pk, now + timedelta(seconds=1))
    assert (state(overdue), state(down)) == ("resolved", "resolved")


@pytest.mark.faults
def test_a_node_of_a_cluster_that_is_killed(make_broker, soon) -> None:
    with three_nodes() as cluster:
        _kill_a_node(cluster, make_broker, soon)


def _kill_a_node(cluster: Cluster, make_broker: Any, soon: Any) -> None:
    live = cluster.brokers[0]
    broker = make_broker(
        management_url=cluster.nodes[0].management_url,
        username=live.username,
        password=live.password,
    )
    few, queue_down = switch_on("too-few-nodes"), switch_on("queue-unavailable")
    majority, member = switch_on("no-majority"), switch_on("member-down")
    node = AlertRule.objects.create(name="node", type="node_down", enabled=True)
    for name, kind, at in (("held", "classic", 2), ("replicated", "quorum", 0)):
        arguments = {"x-queue-type": kind}
        body = {"durable": True, "node": cluster.names[at], "arguments": arguments}
        live.call("PUT", "queues", "/", name, body=body)

    def see() -> None:
        poll(broker)
        inventory(broker)
        poll(broker)

    see()
    assert not AlertIncident.objects.exists()
    cluster.kill(2)
    soon(node, "firing", see, name=cluster.names[2])
    assert (state(few), state(majority)) == ("firing", "")
    soon(queue_down, "firing", see, name="held")
    if "members" in {field.name for field in Queue._meta.get_fields()}:
        soon(member, "firing", see, name="replicated")
    else:
        told = AlertEvaluation.objects.get(broker=broker).not_evaluated[str(member.pk)]
        assert "doesn't read the members" in told
    cluster.start(2)
    cluster.wait()
    for rule in (node, few, queue_down):
        soon(rule, "resolved", see)
