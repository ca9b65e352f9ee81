"""Rates of a real broker's queues and exchanges, from the counters of two polls."""

from __future__ import annotations

from datetime import timedelta
from itertools import islice
from typing import Any

import pytest

from vhosts.models import Exchange, Queue, QueueRate, RateCounters, RateSpan

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


def about(rate: float) -> Any:
    """The scrape takes its time, so ten seconds are never exactly ten."""
    return pytest.approx(rate, rel=0.3)


@pytest.fixture
def every_ten_seconds(poll_now, now):
    """each(broker) polls as if ten seconds had passed since the last one."""
    moments = iter(now + timedelta(seconds=10 * number) for number in range(100))
    return lambda broker: poll_now(broker, at=next(moments))


@pytest.fixture
def world(make_broker, scratch_vhost, every_ten_seconds, inventory_now, now):
    broker = make_broker()
    channel = scratch_vhost.channel
    channel.exchange_declare("orders", exchange_type="topic")
    for name in ("work", 'odd "back\\slash" <b>', "idle"):
        scratch_vhost.declare(name)
        if name != "idle":
            channel.queue_bind(name, "orders", "a.#")
    every_ten_seconds(broker)
    inventory_now(broker)
    return broker, channel


def queue(broker: Any, name: str) -> Queue:
    return Queue.objects.get(broker=broker, name=name)


def test_rates_follow_publishers_and_consumers(world, every_ten_seconds, scratch_vhost) -> None:
    """AC: publish, deliver, ack, get and redeliver of a queue; in, out, returned and dropped of an
    exchange; 0 without traffic."""
    broker, channel = world
    status = every_ten_seconds(broker)
    assert status.rates_at is not None, status.rates_unknown
    assert queue(broker, "idle").publish_rate == 0

    for _ in range(40):
        channel.basic_publish("orders", "a.b", b"x")
        channel.basic_publish("orders", "nowhere", b"x")
    for _ in range(20):
        channel.basic_publish("", "work", b"x")
    got = [channel.basic_get("work")[0] for _ in range(10)]
    for method in got[:5]:
        channel.basic_ack(method.delivery_tag)
    for method in got[5:]:
        channel.basic_nack(method.delivery_tag, requeue=True)
    for method, _properties, _body in islice(channel.consume("work", inactivity_timeout=10), 30):
        assert method is not None
        channel.basic_ack(method.delivery_tag)
    channel.cancel()
    channel.queue_declare("work", passive=True)  # what was sent before has arrived

    status = every_ten_seconds(broker)
    work = queue(broker, "work")
    assert work.publish_rate == about(6)
    assert work.ack_rate == about(3.5)
    assert work.get_rate == about(1)
    assert work.deliver_rate >= 0.7 * 3
    assert work.redeliver_rate >= 0.7 * 0.5
    odd = queue(broker, 'odd "back\\slash" <b>')
    assert (odd.publish_rate, odd.deliver_rate) == (about(4), 0)
    assert queue(broker, "idle").publish_rate == 0
    orders = Exchange.objects.get(broker=broker, name="orders", vhost=scratch_vhost.name)
    assert orders.in_rate == about(8)
    assert orders.out_rate == about(8)
    assert orders.dropped_rate + orders.returned_rate == about(4)
    assert status.scrape_bytes > status.scrape_rates_bytes > 0
    assert status.scrape_ms is not None

    every_ten_seconds(broker)
    work = queue(broker, "work")
    assert (work.publish_rate, work.deliver_rate, work.get_rate) == (0, 0, 0)
    rows = list(QueueRate.objects.filter(queue_id=work.pk).order_by("at"))
    assert [bool(row.publish) for row in rows] == [True, False]
    assert not QueueRate.objects.filter(queue_id=queue(broker, "idle").pk).exists()
    span = RateSpan.objects.get(broker=broker)
    assert span.until_at - span.from_at == timedelta(seconds=30)


def test_a_channel_that_closed_takes_nothing_back(world, every_ten_seconds, scratch_vhost) -> None:
    broker, channel = world
    for _ in range(20):
        channel.basic_publish("", "work", b"x")
    every_ten_seconds(broker)
    scratch_vhost.close()
    every_ten_seconds(broker)
    work = queue(broker, "work")
    assert work.publish_rate == 0
    scratch_vhost.publish("work", 30)  # by a new channel
    every_ten_seconds(broker)
    assert queue(broker, "work").publish_rate == about(3)


def test_a_gap_between_polls_gives_no_rates(world, every_ten_seconds, scratch_vhost) -> None:
    broker, _channel = world
    every_ten_seconds(broker)
    RateCounters.objects.filter(broker=broker).delete()  # as after an upgrade
    scratch_vhost.publish("work", 30)
    status = every_ten_seconds(broker)
    work = queue(broker, "work")
    assert (work.publish_rate, status.rates_at) == (None, None)
    assert "two polls" in status.rates_unknown
    status = every_ten_seconds(broker)
    assert (queue(broker, "work").publish_rate, status.rates_unknown) == (0, "")
    assert RateSpan.objects.filter(broker=broker).count() == 2


def test_growth_is_over_five_minutes(world, poll_now, now, eventually) -> None:
    broker, channel = world
    moments = iter(now + timedelta(seconds=30 + 5 * number) for number in range(1000))

    def grows_by(number: int) -> bool:
        poll_now(broker, at=next(moments))
        return queue(broker, "work").growth_5m == number

    for _ in range(60):
        poll_now(broker, at=next(moments))
    # The plugin may list the queue some polls later: then its growth is known later too.
    eventually(lambda: grows_by(0))
    for _ in range(7):
        channel.basic_publish("", "work", b"x")
    eventually(lambda: grows_by(7))
    for _ in range(61):
        poll_now(broker, at=next(moments))
    eventually(lambda: grows_by(0))


def test_without_the_plugin_exchanges_have_rates_and_queues_a_reason(
    world, every_ten_seconds, poll_now, now, scratch_vhost, monkeypatch, eventually
) -> None:
    broker, channel = world
    every_ten_seconds(broker)
    monkeypatch.setattr(
        "vhosts.polling.depths.scraping.NodeScrapes.urls", lambda self, view, listeners: None
    )

    def published() -> bool:
        for _ in range(5):
            channel.basic_publish("orders", "a.b", b"x")
        status = every_ten_seconds(broker)
        found = Exchange.objects.get(broker=broker, name="orders", vhost=scratch_vhost.name)
        assert status.rates_at is None
        assert "rabbitmq_prometheus" in status.rates_unknown
        assert found.dropped_rate is None
        return bool(found.in_rate)

    eventually(published)
    assert queue(broker, "work").publish_rate is None


def test_rates_that_fail_cost_no_depths(world, every_ten_seconds, monkeypatch) -> None:
    broker, _channel = world

    def fails(*args: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("vhosts.polling.rates.take._take", fails)
    status = every_ten_seconds(broker)
    assert status.state == "reachable"
    assert status.depths_at is not None
    assert queue(broker, "work").total is not None
