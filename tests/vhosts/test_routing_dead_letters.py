"""Dead letters end where the router says, on a live broker."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import pika
import pytest

from console.kinds.effective.select import Choice
from console.kinds.refusals.versions import BrokerFacts, version_of
from vhosts.routing.core.in_force import Deciding
from vhosts.routing.core.route import route
from vhosts.routing.core.topology import Binding, Exchange, Queue, build
from vhosts.routing.core.trace import After

TTL = {"x-message-ttl": 1}


@dataclass
class Place:
    """`queues`: name and arguments. The message goes to the queue `start` by the exchange `in`."""

    queues: dict[str, dict[str, Any]]
    exchanges: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    bindings: list[tuple[str, str, str]] = field(default_factory=list)
    key: str = "a.b"
    headers: dict[str, Any] = field(default_factory=dict)
    expiration: str | None = None
    ends_in: tuple[str, ...] = ()


PLACES = {
    "with its own key": Place(
        {"start": {**TTL, "x-dead-letter-exchange": "dead"}, "end": {}, "other": {}},
        {"dead": ("topic", {})},
        [("dead", "end", "a.*"), ("dead", "other", "b.*")],
        ends_in=("end",),
    ),
    "with a key of its own": Place(
        {"start": {**TTL, "x-dead-letter-exchange": "dead", "x-dead-letter-routing-key": "b.c"}, "end": {}, "other": {}},
        {"dead": ("topic", {})},
        [("dead", "end", "b.*"), ("dead", "other", "a.*")],
        ends_in=("end",),
    ),
    "with the keys in CC and BCC": Place(
        {"start": {**TTL, "x-dead-letter-exchange": "dead"}, "end": {}, "other": {}},
        {"dead": ("direct", {})},
        [("dead", "end", "c"), ("dead", "other", "d")],
        headers={"CC": ["c"], "BCC": ["d"]},
        ends_in=("end", "other"),
    ),
    "without the keys in CC, if it has a key of its own": Place(
        {"start": {**TTL, "x-dead-letter-exchange": "dead", "x-dead-letter-routing-key": "e"}, "end": {}, "other": {}},
        {"dead": ("direct", {})},
        [("dead", "end", "e"), ("dead", "other", "c")],
        headers={"CC": ["c"]},
        ends_in=("end",),
    ),
    "by the default exchange": Place(
        {"start": {**TTL, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "end"}, "end": {}},
        ends_in=("end",),
    ),
    "to an exchange that is not there": Place(
        {"start": {**TTL, "x-dead-letter-exchange": "nowhere"}},
    ),
    "to an internal exchange with an alternate exchange": Place(
        {"start": {**TTL, "x-dead-letter-exchange": "dead"}, "end": {}},
        {"dead": ("internal", {"alternate-exchange": "rest"}), "rest": ("fanout", {})},
        [("rest", "end", "")],
        ends_in=("end",),
    ),
    "by its own expiration, which it loses": Place(
        {"start": {"x-dead-letter-exchange": "dead"}, "end": {"x-dead-letter-exchange": "dead"}},
        {"dead": ("fanout", {})},
        [("dead", "end", "")],
        expiration="1",
        ends_in=("end",),
    ),
    "in a cycle without a rejection": Place(
        {
            "start": {**TTL, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "back"},
            "back": {**TTL, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "start"},
        },
    ),
    "without a dead letter exchange": Place({"start": TTL}),
}  # fmt: skip


def _ends(after: After) -> set[str]:
    """The queues that messages stay in which nobody consumes."""
    expires = after.dead is not None and any("expires after" in one for one in after.dead.reasons)
    if after.cycle:
        return set()
    if not expires:
        return {after.queue}
    assert after.dead is not None
    return {end for one in after.dead.then for end in _ends(one)}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_dead_letters_end_where_the_router_says(
    place: Place, scratch_vhost: Any, live_broker: Any
) -> None:
    channel = scratch_vhost.channel
    exchanges = {"in": ("fanout", {}), **place.exchanges}
    for name, (of_type, arguments) in exchanges.items():
        internal = of_type == "internal"
        channel.exchange_declare(
            name, "direct" if internal else of_type, durable=True, internal=internal, arguments=arguments
        )  # fmt: skip
    for name, arguments in place.queues.items():
        scratch_vhost.declare(name, **arguments)
    bindings = [("in", "start", ""), *place.bindings]
    for source, queue, key in bindings:
        channel.queue_bind(queue, source, key)
    said = live_broker.call("GET", "overview")["rabbitmq_version"]
    facts = BrokerFacts(version=version_of(said), said=said)
    deciding = Deciding(lambda target: (Choice(), Choice()), facts)
    topology = build(
        "v",
        [
            Exchange(name, "direct" if of_type == "internal" else of_type, of_type == "internal",
                     arguments, deciding.alternate(name, arguments))
            for name, (of_type, arguments) in exchanges.items()
        ],
        [Queue(name, "classic", deciding.of_queue(name, "classic", arguments)) for name, arguments in place.queues.items()],
        [Binding(source, "queue", queue, key) for source, queue, key in bindings],
        version=facts.version,
    )  # fmt: skip
    given = {} if place.expiration is None else {"expiration": place.expiration}
    found = route(topology, "in", place.key, place.headers, given)
    assert found.queues == ("start",)
    assert _ends(found.after[0]) == set(place.ends_in)

    properties = pika.BasicProperties(headers=place.headers, expiration=place.expiration)
    channel.basic_publish("in", place.key, b"m", properties, mandatory=True)
    ends_at = time.monotonic() + 10
    while _counted(channel, place) != dict.fromkeys(place.ends_in, 1):
        assert time.monotonic() < ends_at, _counted(channel, place)
        time.sleep(0.05)
    time.sleep(0.1)  # nothing comes later
    assert _counted(channel, place) == dict.fromkeys(place.ends_in, 1)


def _counted(channel: Any, place: Place) -> dict[str, int]:
    counts = {
        name: channel.queue_declare(name, passive=True).method.message_count
        for name in place.queues
    }
    return {name: number for name, number in counts.items() if number}
