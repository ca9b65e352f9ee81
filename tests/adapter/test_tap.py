"""A tap on a live node: it hears copies, counts what it skips, and leaves nothing behind."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pika
import pytest
from pika.exceptions import ChannelClosedByBroker

from console.rabbitmq.amqp.reading.tap import Bounds, Slice, Source, Tap, tapped
from console.rabbitmq.endpoint import AddressPolicy, AmqpEndpoint, Credentials, Secret
from console.rabbitmq.errors import BrokerError, NotFound


@pytest.fixture
def endpoint(live_broker: Any, scratch_vhost: Any) -> AmqpEndpoint:
    parameters = live_broker.amqp_parameters()
    return AmqpEndpoint(
        scheme="amqp",
        host=parameters.host,
        port=parameters.port,
        credentials=Credentials(live_broker.username, Secret(live_broker.password)),
        vhost=scratch_vhost.name,
        policy=AddressPolicy(allow_loopback=True),
    )


def until(tap: Tap, enough: Callable[[list[Slice]], bool]) -> list[Slice]:
    """Read slices until it is enough."""
    found: list[Slice] = []
    end = time.monotonic() + 30
    while not enough(found):
        assert time.monotonic() < end, found
        found.append(tap.read(0.2))
    return found


def bodies(slices: list[Slice]) -> list[bytes]:
    return [one.message.body for part in slices for one in part.tapped]


def test_a_tap_hears_copies_and_takes_nothing(endpoint: AmqpEndpoint, scratch_vhost: Any) -> None:
    channel = scratch_vhost.channel
    channel.exchange_declare("logs", "fanout")
    scratch_vhost.declare("theirs")
    channel.queue_bind("theirs", "logs")
    with tapped(endpoint, [Source("logs")], Bounds(), at_most_s=60) as tap:
        channel.basic_publish(
            "logs", "a key", b"one", pika.BasicProperties(headers={"n": 1}, priority=3)
        )
        slices = until(tap, lambda found: bool(bodies(found)))
        name = tap.queue
    [heard] = [one for part in slices for one in part.tapped]
    assert (heard.message.exchange, heard.message.routing_key) == ("logs", "a key")
    assert (heard.message.body, heard.size) == (b"one", 3)
    assert heard.message.headers == {"n": 1}
    assert heard.message.properties.priority == 3
    assert channel.queue_declare("theirs", passive=True).method.message_count == 1
    with pytest.raises(ChannelClosedByBroker):
        channel.queue_declare(name, passive=True)


def test_what_is_beyond_the_bounds_is_counted(endpoint: AmqpEndpoint, scratch_vhost: Any) -> None:
    channel = scratch_vhost.channel
    channel.exchange_declare("busy", "fanout")
    with tapped(endpoint, [Source("busy")], Bounds(messages=50), at_most_s=60) as tap:
        for number in range(500):
            channel.basic_publish("busy", "", str(number).encode())
        slices = until(
            tap, lambda found: sum(len(one.tapped) + one.skipped for one in found) >= 500
        )
    assert sum(len(one.tapped) + one.skipped for one in slices) == 500
    assert max(len(one.tapped) for one in slices) <= 50
    assert not any(one.at_least for one in slices)


def test_a_large_body_is_cut_and_its_size_said(endpoint: AmqpEndpoint, scratch_vhost: Any) -> None:
    channel = scratch_vhost.channel
    channel.exchange_declare("large", "fanout")
    with tapped(endpoint, [Source("large")], Bounds(body_bytes=1000), at_most_s=60) as tap:
        channel.basic_publish("large", "", b"x" * 3_000_000)
        channel.basic_publish("large", "", b"small")
        slices = until(tap, lambda found: len(bodies(found)) == 2)
    found = [one for part in slices for one in part.tapped]
    assert [(len(one.message.body), one.size) for one in found] == [(1000, 3_000_000), (5, 5)]


def test_a_policy_on_all_queues_dead_letters_nothing_of_a_tap(
    endpoint: AmqpEndpoint, scratch_vhost: Any
) -> None:
    channel = scratch_vhost.channel
    channel.exchange_declare("busy", "fanout")
    channel.exchange_declare("dead", "fanout")
    channel.queue_declare("dead letters")
    channel.queue_bind("dead letters", "dead")
    scratch_vhost.live.call(
        "PUT", "policies", scratch_vhost.name, "all",
        body={
            "pattern": ".*", "apply-to": "queues",
            "definition": {"dead-letter-exchange": "dead", "max-length": 20, "overflow": "reject-publish"},
        },
    )  # fmt: skip
    with tapped(endpoint, [Source("busy")], Bounds(messages=20), at_most_s=60) as tap:
        for number in range(300):
            # The channel waits for confirms: a full tap refuses nobody's message.
            channel.basic_publish("busy", "", str(number).encode())
        until(tap, lambda found: len(found) >= 3)
    assert channel.queue_declare("dead letters", passive=True).method.message_count == 0


def test_keys_and_arguments_select(endpoint: AmqpEndpoint, scratch_vhost: Any) -> None:
    channel = scratch_vhost.channel
    channel.exchange_declare("topics", "topic")
    channel.exchange_declare("documents", "headers")
    sources = [
        Source("topics", "kern.*"),
        Source("documents", "", {"x-match": "all", "pages": 3}),
    ]
    with tapped(endpoint, sources, Bounds(), at_most_s=60) as tap:
        channel.basic_publish("topics", "cron.info", b"no")
        channel.basic_publish("topics", "kern.info", b"by key")
        for pages, body in ((4, b"no"), (3, b"by header")):
            channel.basic_publish(
                "documents", "", body, pika.BasicProperties(headers={"pages": pages})
            )
        slices = until(tap, lambda found: len(bodies(found)) >= 2)
        slices += [tap.read(0.3)]
    assert bodies(slices) == [b"by key", b"by header"]


def test_trouble_is_an_error_of_ours(endpoint: AmqpEndpoint, scratch_vhost: Any) -> None:
    with (
        pytest.raises(NotFound),
        tapped(endpoint, [Source("no such exchange")], Bounds(), at_most_s=60),
    ):
        pass
    scratch_vhost.channel.exchange_declare("logs", "fanout")

    # Its own connection to the virtual host, too.
    scratch_vhost.close()

    def listen_on() -> None:
        with tapped(endpoint, [Source("logs")], Bounds(), at_most_s=60) as tap:
            scratch_vhost.live.call("DELETE", "vhosts", scratch_vhost.name)
            until(tap, lambda found: False)

    with pytest.raises(BrokerError):
        listen_on()
