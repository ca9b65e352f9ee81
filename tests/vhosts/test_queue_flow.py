"""The flow strip: from live clients on a broker, and what it says when it can't know."""

from __future__ import annotations

import re
from typing import Any

import pika
import pytest
from django.core.cache import cache

from console.rabbitmq.management.client import ManagementClient
from console.rabbitmq.types import ChannelNow, Consumer, QueueDepth, QueueInfo, QueueNow, Taken
from tests.factories import HOSTILE, add_broker, add_queue
from vhosts.models import Binding, Exchange, Queue
from vhosts.queues.flow import clients
from vhosts.queues.flow.clients import Clients
from vhosts.queues.flow.strip import strip, width
from vhosts.queues.health.conditions import Facts
from vhosts.queues.health.sources import Source, Sources, origin, sources_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_readings_of_others() -> None:
    cache.clear()


def text_of(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", response.content.decode()))


def _live(**more: Any) -> QueueNow:
    info = QueueInfo("/", "work", "classic", "running", "a", True, False, False, {}, None, None)
    return QueueNow(**{
        "info": info, "depth": QueueDepth("/", "work", 5, 2, 7, 1), "consumers": (),
        "effective_policy": None, "publish_rate": None, "deliver_get_rate": None, "ack_rate": None,
        "memory": None, "message_bytes": None, "head_message_timestamp": None, "idle_since": None,
        **more,
    })  # fmt: skip


def _consumer(channel: str = "c1", **more: Any) -> Consumer:
    return Consumer(**{
        "tag": "t", "channel": channel, "connection": "10.0.0.1:5 -> x", "peer": "10.0.0.1",
        "user": "app", "ack_required": True, "exclusive": False, "prefetch": 2, "active": True,
        "activity_status": None, "arguments": {}, **more,
    })  # fmt: skip


def _channel(name: str = "c1", **more: Any) -> ChannelNow:
    return ChannelNow(**{
        "name": name, "connection": "10.0.0.1:5 -> x", "peer": "10.0.0.1", "user": "app",
        "confirms": True, "consumers": 1, "unacked": 2, "publish": 0.0, "deliver": 0.0, "ack": 0.0,
        **more,
    })  # fmt: skip


FACTS = Facts(state="running", ready=5, unacked=2, total=7, consumers=1)


def _shown(facts: Facts = FACTS, channel: ChannelNow | None = None, **live: Any) -> Any:
    known = Clients({"c1": channel or _channel()}, {"10.0.0.1:5 -> x": "worker-1"})
    return strip(facts, _live(**live), Sources(), known, "")


def test_a_consumer_that_holds_its_prefetch_and_acknowledges_nothing_is_stuck() -> None:
    one = _shown(consumers=(_consumer(),)).consumers.boxes[0]
    assert (one.name, one.host, one.rate) == ("worker-1", "10.0.0.1", 0.0)
    assert one.details == ("manual ack", "holds 2 of prefetch 2")
    assert one.fault.startswith("Stuck")


@pytest.mark.parametrize(
    ("channel", "consumer"),
    [
        ({"ack": 0.2}, {}),
        ({"unacked": 1}, {}),
        ({}, {"prefetch": 0}),
        ({}, {"ack_required": False}),
        ({}, {"active": False}),
        # Another consumer of the channel may hold them.
        ({"consumers": 2}, {}),
    ],
)
def test_a_consumer_is_not_called_stuck_without_evidence(channel: Any, consumer: Any) -> None:
    found = _shown(channel=_channel(**channel), consumers=(_consumer(**consumer),))
    assert found.consumers.boxes[0].fault == ""


def test_figures_of_a_shared_channel_are_not_those_of_its_consumer() -> None:
    shared = _channel(consumers=2, deliver=9.0)
    one = _shown(channel=shared, consumers=(_consumer(),)).consumers.boxes[0]
    assert one.rate is None
    assert one.details == ("manual ack", "prefetch 2")
    detailed = _shown(channel=shared, consumers=(_consumer(),), taken={"c1": Taken(4.0, 3.0)})
    assert detailed.consumers.boxes[0].rate == 4.0


def test_what_is_lost_and_how_full_it_is() -> None:
    full = Facts(
        state="running", ready=5, unacked=0, total=5, consumers=1, publish=9.0, deliver=2.0,
        max_length=5, overflow="drop-head", dead_letters=False,
    )  # fmt: skip
    found = _shown(full)
    assert (found.lost, found.lost_word, found.fill) == (7.0, "dropped and lost", 100)
    assert _shown().lost is None


def test_a_queue_without_traffic_names_no_publisher_of_its_virtual_host() -> None:
    quiet = Facts(state="running", ready=5, unacked=2, total=7, consumers=1, publish=0.0)
    found = _shown(quiet, channel=_channel(publish=9.0)).publishers
    assert (found.boxes, found.note) == ((), "Nothing is published to this queue now.")
    assert _shown(channel=_channel(publish=9.0)).publishers.boxes[0].name == "worker-1"


def test_that_no_channel_is_shown_does_not_mean_that_none_publishes() -> None:
    found = _shown(Facts(state="running", ready=5, publish=6.4)).publishers
    assert found.boxes == ()
    assert found.note.startswith("RabbitMQ shows the console no channel")
    assert "monitoring tag" in found.note


def test_without_channels_it_says_so() -> None:
    found = strip(FACTS, _live(consumers=None), Sources(), None, "The broker keeps no statistics.")
    assert found.publishers.note == "The broker keeps no statistics."
    assert "doesn’t report consumers" in found.consumers.note
    assert [width(rate) for rate in (None, 0, 0.5, 10, 100)] == [1, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("found", "incoming", "said"),
    [
        ((), {}, "≈6.4/s come through the default exchange: no other is bound to it."),
        (
            (Source("logs", ("#",), "topic", 6.0),),
            {},
            "≈6.4/s come from logs with #: only this exchange is bound to it, and it routes now.",
        ),
        (
            (Source("logs", ("#",), "topic", 6.0), Source("old", ("a",), "direct", 0.0)),
            {},
            "≈6.4/s come from logs with #: no other exchange bound to it routes any now.",
        ),
        (
            (Source("logs", ("#",), "topic", 0.0),),
            {},
            "≈6.4/s come through the default exchange: no exchange bound to it routes any now.",
        ),
        (
            (Source("a", ("x",), "direct", None), Source("b", (), "fanout", None)),
            {},
            "They come from one or more of a with x and b: RabbitMQ doesn't say which.",
        ),
        (
            (Source("logs", ("a", "b", "c"), "topic", 6.0),),
            {"logs": 6.4, "": 0.0},
            "6.4/s come from logs with a, b and 1 more.",
        ),
    ],
)
def test_where_messages_come_from_and_how_that_is_known(
    found: Any, incoming: Any, said: str
) -> None:
    assert origin(Sources(found), 6.4, incoming) == said


def test_sources_are_read_from_what_is_stored(now: Any) -> None:
    broker = add_broker("orders", now)
    queue = add_queue(broker, "work", now)
    seen = {"broker": broker, "vhost": "/", "first_seen_at": now, "changed_at": now}
    Exchange.objects.create(name="logs", type="topic", out_rate=3.0, **seen)
    for key in ("b", "a"):
        Binding.objects.create(
            source="logs", destination_type="queue", destination="work", routing_key=key, **seen
        )
    Binding.objects.create(source="logs", destination_type="queue", destination="other", **seen)
    found = sources_of(queue, broker.status)
    assert found.found == (Source("logs", ("a", "b"), "topic", 3.0),)
    assert "No inventory" not in found.why_unknown


@pytest.mark.slow
def test_publishers_and_consumers_of_a_live_queue(
    admin_client: Any, make_broker: Any, scratch_vhost: Any, live_broker: Any, poll_now: Any,
    inventory_now: Any, eventually: Any,
) -> None:  # fmt: skip
    broker = make_broker()
    scratch_vhost.declare("work")
    scratch_vhost.channel.exchange_declare("topic_logs", "topic")
    scratch_vhost.channel.queue_bind("work", "topic_logs", "#")

    def connected(name: str) -> pika.BlockingConnection:
        parameters = live_broker.amqp_parameters(scratch_vhost.name)
        parameters.client_properties = {"connection_name": name}
        return pika.BlockingConnection(parameters)

    sender, taker = connected("order-api <1>"), connected("events-worker")
    try:
        channel = taker.channel()
        channel.basic_qos(prefetch_count=3)
        channel.basic_consume("work", lambda *_: None)
        sending = sender.channel()
        sending.confirm_delivery()

        def row() -> Queue | None:
            poll_now(broker)
            inventory_now(broker)
            found = Queue.objects.filter(broker=broker, vhost=scratch_vhost.name, name="work")
            return found.exclude(inventoried_at=None).first()

        queue = eventually(row)

        def page() -> str:
            for _ in range(20):
                sending.basic_publish("topic_logs", "a.b", b"x")
            taker.process_data_events(0.3)
            found = text_of(admin_client.get(f"/queues/{queue.pk}/flow/"))
            return found if "order-api &lt;1&gt;" in found and "holds 3" in found else ""

        shown = eventually(page, within=60)
    finally:
        sender.close()
        taker.close()
    assert "topic_logs" in shown
    assert "topic ·" in shown
    assert "127.0.0.1 · " in shown
    assert "· confirms" in shown
    assert "events-worker" in shown
    assert "manual ack · holds 3 of prefetch 3" in shown
    assert "RabbitMQ doesn’t say which of them send to this queue." in shown


@pytest.mark.slow
def test_ten_people_who_look_cost_the_broker_one_reading(
    admin_client: Any, make_broker: Any, scratch_vhost: Any, monkeypatch: Any, now: Any
) -> None:
    calls = []
    read = ManagementClient.channels_now
    monkeypatch.setattr(
        ManagementClient,
        "channels_now",
        lambda self, vhost: calls.append(vhost) or read(self, vhost),
    )
    monkeypatch.setattr("console.brokers.fresh.SHARED_FOR", clients_share())
    broker = make_broker()
    for name in ("one", "two"):
        scratch_vhost.declare(name)
        add_queue(broker, name, now, vhost=scratch_vhost.name)
    for queue in list(Queue.objects.all()) * 5:
        assert admin_client.get(f"/queues/{queue.pk}/flow/").status_code == 200
    assert calls == [scratch_vhost.name]


def clients_share() -> Any:
    from datetime import timedelta

    return timedelta(minutes=5)


def test_a_broker_with_very_many_channels_is_not_asked_for_them(
    admin_client: Any, make_broker: Any, scratch_vhost: Any, monkeypatch: Any, now: Any
) -> None:
    broker = make_broker()
    scratch_vhost.declare("work")
    queue = add_queue(broker, "work", now, vhost=scratch_vhost.name)
    broker.status.channels = clients.MOST_CHANNELS + 1
    broker.status.save()
    shown = text_of(admin_client.get(f"/queues/{queue.pk}/flow/"))
    assert "Not read: the broker has more than 2,000 channels" in shown


def test_trouble_with_the_broker_is_a_sentence_and_hostile_names_stay_text(
    admin_client: Any, broker_row: Any, now: Any
) -> None:
    broker = broker_row()
    queue = add_queue(broker, HOSTILE[0], now)
    answer = admin_client.get(f"/queues/{queue.pk}/flow/")
    assert answer.status_code == 200
    assert "Flow now" in answer.content.decode()
    assert HOSTILE[0] not in answer.content.decode()
