"""Polls of a real broker: what changes there shows here, and nothing else does."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

import pytest

from console.models import BrokerStatus
from vhosts.history.read import series
from vhosts.models import BrokerSample, Poll, Queue, RecentSnapshot
from vhosts.polling.depths.cache import scrapes

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


def queue_of(broker: Any, name: str) -> Queue | None:
    return Queue.objects.filter(broker=broker, name=name).first()


def test_depth_follows_what_is_published_and_taken(
    make_broker, scratch_vhost, poll_now, eventually
) -> None:
    broker = make_broker()
    scratch_vhost.declare("work")
    scratch_vhost.publish("work", 7)

    def depth_is(ready: int) -> Queue | None:
        poll_now(broker)
        queue = queue_of(broker, "work")
        return queue if queue is not None and queue.ready == ready else None

    queue = eventually(lambda: depth_is(7))
    assert (queue.vhost, queue.unacked, queue.total) == (scratch_vhost.name, 0, 7)
    scratch_vhost.take("work", 3)
    assert eventually(lambda: depth_is(4)).pk == queue.pk
    depths = list(
        RecentSnapshot.objects.filter(queue_id=queue.pk)
        .order_by("at")
        .values_list("ready", flat=True)
    )
    assert depths[-2:] == [7, 4]


def test_state_and_vitals_of_a_broker_that_answers(make_broker, poll_now, live_broker) -> None:
    status = poll_now(make_broker())
    said = live_broker.call("GET", "overview")
    assert status.state == "reachable"
    assert status.failures == 0
    assert status.rabbitmq_version == said["rabbitmq_version"]
    assert status.cluster_name == said["cluster_name"]
    assert status.alarms == []
    assert status.running_nodes() == 1
    assert status.depths_source == "prometheus"
    assert not status.part_errors
    poll = Poll.objects.get(broker=status.broker)
    assert (poll.complete, poll.source, poll.error_code) == (True, "prometheus", "")
    assert BrokerSample.objects.filter(broker_id=status.pk).count() == 1


def test_unchanged_queues_write_no_row(make_broker, scratch_vhost, poll_now, eventually) -> None:
    broker = make_broker()
    scratch_vhost.declare("still")
    scratch_vhost.publish("still", 2)
    eventually(
        lambda: poll_now(broker) and Queue.objects.filter(broker=broker, name="still", ready=2)
    )
    queue = Queue.objects.get(broker=broker, name="still")
    before = RecentSnapshot.objects.filter(queue_id=queue.pk).count()
    for _ in range(3):
        poll_now(broker)
    scrapes._entries.clear()  # as in a worker that has just started
    poll_now(broker)
    assert RecentSnapshot.objects.filter(queue_id=queue.pk).count() == before


def test_a_vanished_queue_is_unknown_then_gone_and_comes_back_as_the_same_row(
    make_broker, scratch_vhost, poll_now, inventory_now, eventually
) -> None:
    broker = make_broker()
    scratch_vhost.declare("phoenix")
    scratch_vhost.publish("phoenix", 5)
    eventually(
        lambda: poll_now(broker) and Queue.objects.filter(broker=broker, name="phoenix", ready=5)
    )
    inventory_now(broker)
    queue = Queue.objects.get(broker=broker, name="phoenix")
    assert (queue.type, queue.durable, queue.gone_at) == ("classic", True, None)

    time.sleep(1.1)  # slots are whole seconds
    scratch_vhost.delete("phoenix")
    eventually(lambda: poll_now(broker) and Queue.objects.filter(pk=queue.pk, ready=None))
    # Where others' queues vanish at the same moment, it takes a second listing to believe it.
    eventually(
        lambda: inventory_now(broker) and Queue.objects.filter(pk=queue.pk, gone_at__isnull=False)
    )
    queue.refresh_from_db()
    assert queue.total is None

    time.sleep(1.1)
    scratch_vhost.declare("phoenix")
    scratch_vhost.publish("phoenix", 1)
    eventually(lambda: poll_now(broker) and Queue.objects.filter(pk=queue.pk, ready=1))
    queue.refresh_from_db()
    assert queue.gone_at is None
    rows = list(
        RecentSnapshot.objects.filter(queue_id=queue.pk)
        .order_by("at")
        .values_list("ready", flat=True)
    )
    assert None in rows
    assert rows[-1] in (0, 1)
    now = BrokerStatus.objects.get(pk=broker.pk).depths_at
    points = series(queue, start=now - timedelta(minutes=2), end=now, step_s=1, now=now).points
    depths = [point.ready for point in points]
    assert depths.index(5) < len(depths) - 1
    assert None in depths[depths.index(5) :]


def test_a_poll_that_sees_an_unknown_queue_asks_for_an_inventory_at_once(
    make_broker, scratch_vhost, poll_now, inventory_now, eventually
) -> None:
    broker = make_broker()
    poll_now(broker)
    status = inventory_now(broker)
    assert status.next_inventory_at > status.inventory_at + timedelta(seconds=30)
    scratch_vhost.declare("newcomer")
    eventually(lambda: poll_now(broker) and queue_of(broker, "newcomer"))
    status.refresh_from_db()
    assert status.next_inventory_at < status.inventory_at + timedelta(seconds=30)
    assert queue_of(broker, "newcomer").inventoried_at is None
    inventory_now(broker)
    queue = queue_of(broker, "newcomer")
    assert (queue.type, queue.inventoried_at is None) == ("classic", False)


def test_depths_by_totals_where_the_prometheus_plugin_cannot_be_used(
    make_broker, scratch_vhost, poll_now
) -> None:
    broker = make_broker()
    scratch_vhost.declare("plain")
    scratch_vhost.publish("plain", 3)
    off = {"prometheus": {"until": "2999-01-01T00:00:00+00:00", "reason": "test"}}
    BrokerStatus.objects.filter(pk=broker.pk).update(sources_off=off)
    status = poll_now(broker)
    assert status.depths_source == "totals"
    queue = queue_of(broker, "plain")
    assert (queue.ready, queue.unacked, queue.total) == (3, 0, 3)


def test_both_sources_agree(make_broker, scratch_vhost, poll_now, eventually) -> None:
    broker = make_broker()
    for number in range(5):
        scratch_vhost.declare(f"q{number}")
        scratch_vhost.publish(f"q{number}", number)

    def settled() -> bool:
        poll_now(broker)
        depths = Queue.objects.filter(broker=broker, vhost=scratch_vhost.name)
        return sorted(depths.values_list("name", "ready")) == [(f"q{n}", n) for n in range(5)]

    eventually(settled)
    before = RecentSnapshot.objects.count()
    off = {"prometheus": {"until": "2999-01-01T00:00:00+00:00", "reason": "test"}}
    BrokerStatus.objects.filter(pk=broker.pk).update(sources_off=off)
    assert poll_now(broker).depths_source == "totals"
    mine = Queue.objects.filter(broker=broker, vhost=scratch_vhost.name)
    assert sorted(mine.values_list("name", "ready")) == [(f"q{n}", n) for n in range(5)]
    assert RecentSnapshot.objects.filter(queue_id__in=mine.values("id")).count() <= before


HOSTILE = [
    "with spaces and 'quotes' \"double\"",
    "<script>alert(1)</script>",
    "a/b%2Fc\\d",
    '",queue="x',
    "} 5",
    "‮txet lor‬",
    "é" * 127,
    "tab\there",
    "日本語\U0001f407",
]


def test_hostile_names_arrive_as_they_are_by_every_source(
    make_broker, scratch_vhost, poll_now, inventory_now, eventually
) -> None:
    broker = make_broker()
    for name in HOSTILE:
        scratch_vhost.declare(name)
        scratch_vhost.publish(name)

    def seen(source: str) -> bool:
        status = poll_now(broker)
        assert status.depths_source == source
        rows = Queue.objects.filter(broker=broker, vhost=scratch_vhost.name, ready=1)
        return sorted(rows.values_list("name", flat=True)) == sorted(HOSTILE)

    poll_now(broker)
    # Names with quotes and backslashes are not told from the labels alone.
    inventory_now(broker)
    eventually(lambda: seen("prometheus"))
    rows = Queue.objects.filter(broker=broker, vhost=scratch_vhost.name)
    assert sorted(rows.values_list("name", flat=True)) == sorted(HOSTILE)
    assert not rows.exclude(type="classic").exists()
    off = {"prometheus": {"until": "2999-01-01T00:00:00+00:00", "reason": "test"}}
    BrokerStatus.objects.filter(pk=broker.pk).update(sources_off=off)
    assert seen("totals")
    assert rows.count() == len(HOSTILE)


def test_another_cluster_behind_the_address_is_said_and_history_goes_on(
    make_broker, poll_now
) -> None:
    broker = make_broker()
    status = poll_now(broker)
    BrokerStatus.objects.filter(pk=broker.pk).update(pinned_cluster_name="rabbit@elsewhere")
    status = poll_now(broker)
    assert status.state == "reachable"
    assert "rabbit@elsewhere" in status.part_errors["identity"]
    broker.generation += 1
    broker.save()
    assert "identity" not in poll_now(broker).part_errors


def test_inventory_mirrors_vhosts_users_and_permissions(
    make_broker, scratch_vhost, scratch_user, live_broker, poll_now, inventory_now, eventually
) -> None:
    from accessctl.models import BrokerPermission, BrokerTopicPermission, BrokerUser
    from vhosts.models import VirtualHost

    name, _ = scratch_user
    vhost = scratch_vhost.name
    rights = {"configure": "^a", "write": ".*", "read": ""}
    live_broker.call("PUT", "permissions", vhost, name, body=rights)
    topic = {"exchange": "amq.topic", "write": "^x", "read": "^y"}
    live_broker.call("PUT", "topic-permissions", vhost, name, body=topic)
    live_broker.call("PUT", "vhost-limits", vhost, "max-queues", body={"value": 12})
    broker = make_broker()
    poll_now(broker)
    status = inventory_now(broker)
    assert status.part_errors == {}
    assert VirtualHost.objects.get(broker=broker, name=vhost).limits == {"max-queues": 12}
    assert BrokerUser.objects.get(broker=broker, name=name).tags == ["administrator"]
    permission = BrokerPermission.objects.get(broker=broker, vhost=vhost, user=name)
    assert (permission.configure, permission.write, permission.read) == ("^a", ".*", "")
    assert BrokerTopicPermission.objects.get(broker=broker, user=name).exchange == "amq.topic"
    since = permission.changed_at

    inventory_now(broker)
    permission.refresh_from_db()
    assert permission.changed_at == since
    live_broker.call("PUT", "permissions", vhost, name, body={**rights, "read": "^b"})
    inventory_now(broker)
    permission.refresh_from_db()
    assert permission.read == "^b"
    assert permission.changed_at > since

    live_broker.forget("permissions", vhost, name)
    rows = BrokerPermission.objects.filter(broker=broker, vhost=vhost, user=name)
    eventually(lambda: inventory_now(broker) and not rows.exists())
