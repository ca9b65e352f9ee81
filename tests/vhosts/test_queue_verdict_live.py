"""Verdicts of queues on a live broker, each with the consequence that its sentence states."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pika
import pytest
from django.core.cache import cache
from django.utils import timezone
from pika.exceptions import NackError

from vhosts.models import Queue
from vhosts.queues.health.judge import judge_queues
from vhosts.queues.health.page import verdict_of
from vhosts.queues.health.verdict import Verdict
from vhosts.selectors import queue_row

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


class Scene:
    """A broker that is polled, and a virtual host on it whose queues a test judges."""

    def __init__(
        self, broker: Any, vhost: Any, client: Any, poll: Any, inventory: Any, eventually: Any
    ) -> None:
        self.broker, self.vhost, self.client = broker, vhost, client
        self.poll, self.inventory, self.eventually = poll, inventory, eventually

    def seen(self, name: str) -> Queue:
        """The row, after a poll and an inventory that saw the queue."""

        def look() -> Queue | None:
            self.poll(self.broker)
            self.inventory(self.broker)
            found = Queue.objects.filter(broker=self.broker, vhost=self.vhost.name, name=name)
            return found.exclude(inventoried_at=None).select_related("broker__status").first()

        row = self.eventually(look)
        assert isinstance(row, Queue)
        return row

    def verdict(self, name: str) -> Verdict:
        """As the page says it from the stored row and from what the broker says now."""
        row = Queue.objects.select_related("broker__status").get(
            broker=self.broker, vhost=self.vhost.name, name=name
        )
        now = timezone.now()
        live = self.client.queue_now(self.vhost.name, name)
        found = verdict_of(queue_row(row, now=now), now=now, live=live)
        assert found is not None
        return found

    def until(self, name: str, condition: str, doing: Callable[[], Any] | None = None) -> Verdict:
        """The verdict once it has the condition; `doing` goes on meanwhile."""

        def look() -> Verdict | None:
            if doing is not None:
                doing()
            found = self.verdict(name)
            return found if found.condition == condition else None

        found = self.eventually(look, within=60)
        assert isinstance(found, Verdict)
        return found

    def publish(self, name: str, count: int = 20, *, exchange: str = "") -> None:
        """Some messages over a fifth of a second; those that are refused don't matter."""
        for number in range(count):
            with suppress(NackError):
                self.vhost.channel.basic_publish(exchange, name, f"{number}".encode())
        time.sleep(0.2)


@pytest.fixture
def scene(
    make_broker: Any, scratch_vhost: Any, management: Any, poll_now: Any, inventory_now: Any, eventually: Any
) -> Scene:  # fmt: skip
    cache.clear()
    return Scene(make_broker(), scratch_vhost, management, poll_now, inventory_now, eventually)


def bodies(channel: Any, queue: str) -> list[bytes]:
    found = []
    while (message := channel.basic_get(queue, auto_ack=True))[0] is not None:
        found.append(message[2])
    return found


def text_of(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", response.content.decode()))


def test_a_queue_that_nobody_consumes(scene: Scene, admin_client: Any) -> None:
    scene.vhost.declare("work")
    scene.vhost.channel.exchange_declare("topic_logs", "topic")
    scene.vhost.channel.queue_bind("work", "topic_logs", "#")
    row = scene.seen("work")
    assert (row.max_length, row.overflow) == (None, "drop-head")
    found = scene.until("work", "no_consumers", lambda: scene.publish("a.b", exchange="topic_logs"))
    assert found.tone == "bad"
    assert "and nobody consumes." in found.lead
    assert "No limit on its number of messages is in force." in found.facts
    assert "come from topic_logs with #" in found.cause[0]
    quiet = scene.until("work", "unconsumed")
    assert re.fullmatch(r"\S+ messages wait, and nobody consumes\.", quiet.lead)
    page = text_of(admin_client.get(f"/queues/{row.pk}/now/"))
    assert "wait, and nobody consumes." in page


def test_a_consumer_that_holds_its_prefetch_is_stuck_and_gets_more_once_it_acknowledges(
    scene: Scene, live_broker: Any
) -> None:
    scene.vhost.declare("work")
    scene.vhost.publish("work", 5)
    connection = pika.BlockingConnection(live_broker.amqp_parameters(scene.vhost.name))
    try:
        channel = connection.channel()
        channel.basic_qos(prefetch_count=2)
        held: list[int] = []
        channel.basic_consume("work", lambda _c, method, _p, _b: held.append(method.delivery_tag))
        scene.eventually(lambda: connection.process_data_events(0.1) or len(held) == 2)
        row = scene.seen("work")
        minutes = timezone.now() - timedelta(minutes=3)
        quiet = {
            "deliver_rate": 0.0,
            "ack_rate": 0.0,
            "get_rate": 0.0,
            "undelivered_since": minutes,
        }
        scene.eventually(
            lambda: scene.poll(scene.broker) and Queue.objects.filter(pk=row.pk, ready=3)
        )
        scene.eventually(lambda: scene.client.queue_now(scene.vhost.name, "work").consumers)
        Queue.objects.filter(pk=row.pk).update(consumers=1, **quiet)
        judge_queues(scene.broker.pk, timezone.now())
        found = scene.until("work", "stuck", lambda: connection.process_data_events(0.1))
        assert found.lead.startswith(
            "Stuck: nothing was delivered to its consumer, or acknowledged, for "
        )
        assert found.cause == (
            "Its consumers hold 2 messages unacked, as many as their prefetch allows: they get no more "
            "until they acknowledge.",
        )
        channel.basic_ack(held[0])
        scene.eventually(lambda: connection.process_data_events(0.1) or len(held) == 3)
    finally:
        connection.close()


def test_messages_that_go_back_again_and_again(scene: Scene, live_broker: Any) -> None:
    scene.vhost.declare("work")
    scene.vhost.publish("work", 1)
    scene.seen("work")
    connection = pika.BlockingConnection(live_broker.amqp_parameters(scene.vhost.name))
    try:
        channel = connection.channel()
        channel.basic_qos(prefetch_count=1)

        def refuse(_channel: Any, method: Any, _properties: Any, _body: bytes) -> None:
            time.sleep(0.02)
            channel.basic_nack(method.delivery_tag, requeue=True)

        channel.basic_consume("work", refuse)
        found = scene.until("work", "redelivering", lambda: connection.process_data_events(0.5))
    finally:
        connection.close()
    assert re.match(r"≈(9\d|100) % of its deliveries are repeated ones: ", found.lead)


def test_a_full_queue_drops_its_oldest_message(scene: Scene, live_broker: Any) -> None:
    live_broker.call(
        "PUT", "policies", scene.vhost.name, "cap",
        body={"pattern": "^w", "apply-to": "queues", "definition": {"max-length": 3}},
    )  # fmt: skip
    scene.vhost.declare("work", **{"x-max-length": 9})
    scene.vhost.publish("work", 5)
    row = scene.seen("work")
    assert (row.max_length, row.overflow, row.dead_letters) == (3, "drop-head", False)
    full = scene.until("work", "full")
    assert full.lead == "It is at its limit of 3 messages."
    assert "Each new message pushes the oldest one out, which is lost." in full.facts
    found = scene.until("work", "losing", lambda: scene.publish("work"))
    assert re.fullmatch(
        r"Loses ≈\S+: it is at its limit of 3 messages and drops its oldest\.", found.lead
    )
    assert "full" not in found.others
    scene.vhost.channel.queue_purge("work")
    scene.vhost.publish("work", 5)
    assert bodies(scene.vhost.channel, "work") == [b"message 2", b"message 3", b"message 4"]


def test_a_full_queue_with_a_dead_letter_exchange_loses_nothing(scene: Scene) -> None:
    scene.vhost.declare("dead")
    dead = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"}
    scene.vhost.declare("work", **{"x-max-length": 2, **dead})
    scene.vhost.declare("missing", **{"x-max-length": 2, "x-dead-letter-exchange": "nowhere"})
    scene.vhost.publish("work", 3)
    scene.vhost.publish("missing", 3)
    row = scene.seen("work")
    assert (row.max_length, row.dead_letters) == (2, True)
    assert scene.seen("missing").dead_letters is False
    found = scene.until("work", "no_consumers", lambda: scene.publish("work"))
    assert "full" in found.others
    assert "It is at its limit of 2 messages." in found.facts
    assert "Each new message pushes the oldest one out, to its dead-letter exchange." in found.facts
    assert b"message 0" in bodies(scene.vhost.channel, "dead")


def test_a_queue_for_delays_needs_no_consumers(scene: Scene) -> None:
    scene.vhost.declare("dead")
    dead = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead"}
    scene.vhost.declare("delay", **{"x-message-ttl": 1500, **dead})
    scene.vhost.publish("delay", 2)
    assert scene.seen("delay").delays is True
    assert scene.seen("dead").delays is False
    scene.until("dead", "unconsumed")
    assert scene.verdict("delay").condition == "well"


def test_a_full_queue_that_refuses_messages(scene: Scene, live_broker: Any) -> None:
    scene.vhost.declare("work", **{"x-max-length": 2, "x-overflow": "reject-publish"})
    scene.vhost.publish("work", 2)
    row = scene.seen("work")
    assert (row.max_length, row.overflow) == (2, "reject-publish")
    with pytest.raises(NackError):
        scene.vhost.publish("work", 3)
    found = scene.until("work", "rejecting", lambda: scene.publish("work"))
    assert found.tone == "bad"
    assert re.fullmatch(r"Refuses ≈\S+: it is at its limit of 2 messages\.", found.lead)
    assert any("get a nack, others lose them without notice." in one for one in found.facts)
    connection = pika.BlockingConnection(live_broker.amqp_parameters(scene.vhost.name))
    unconfirmed = connection.channel()
    unconfirmed.basic_publish("", "work", b"lost without notice")
    unconfirmed.queue_declare("work", passive=True)  # answered after the publish was handled
    connection.close()
    assert bodies(scene.vhost.channel, "work") == [b"message 0", b"message 1"]


def test_a_queue_that_is_well_says_so(scene: Scene, admin_client: Any) -> None:
    scene.vhost.declare("work")
    row = scene.seen("work")
    page = text_of(admin_client.get(f"/queues/{row.pk}/"))
    assert "Nothing is known to be wrong: 0 messages ready." in page or "Idle: it is empty" in page
    scene.vhost.publish("work", 1)
    scene.vhost.take("work", 1)
    found = scene.until("work", "well")
    assert found.tone in ("ok", "mute")
