"""The router says what a live broker does: random exchanges, bindings and messages."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from uuid import uuid4

import pika
import pika.data
import pika.exceptions
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from console.kinds.refusals.versions import version_of
from tests.conftest import LiveBroker, ScratchVhost
from vhosts.routing.core.route import route
from vhosts.routing.core.topology import Binding, Exchange, Queue, Setting, Topology, build

#: 2,000 with --long; few otherwise, because each makes and deletes a topology.
_EXAMPLES = 2000 if settings().max_examples > 100 else 25
_QUEUES = ("q0", "q1", "q2", "a.b")
_EXCHANGES = ("x0", "x1", "x2", "x3")

words = st.sampled_from(["a", "b", "", "*", "#", "A", "ä", "q0"])
keys = st.one_of(
    st.lists(words, max_size=5).map(".".join), st.sampled_from(["q0", "a.b", "**", "a#", " "])
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2),
    st.sampled_from([2**31, -(2**31), 2**53, 2**63 - 1]),
    st.sampled_from([0.5, 1.0, -1.0, 2.0, 1e300, float(2**53)]),
    st.sampled_from(["", "1", "a", "ä", "true", "undefined"]),
)
values = st.one_of(
    scalars,
    st.lists(scalars, max_size=2),
    st.dictionaries(st.sampled_from(["k", "l"]), scalars, max_size=2),
)
names = st.sampled_from(["a", "b", "c", "x-a", "x-b", "x-", "A"])
_LISTS = st.lists(st.one_of(keys, st.just(1)), max_size=3)


@st.composite
def headers(draw: Any) -> dict[str, Any] | None:
    found = draw(st.one_of(st.none(), st.dictionaries(names, values, max_size=4)))
    if found is not None and draw(st.integers(0, 5)) == 0:
        found[draw(st.sampled_from(["CC", "BCC"]))] = draw(st.one_of(_LISTS, values))
    return found


@st.composite
def bindings(draw: Any) -> tuple[str, str, str, str, dict[str, Any]]:
    to = draw(st.sampled_from(["queue", "queue", "exchange"]))
    arguments = draw(st.dictionaries(st.one_of(names, st.just("CC")), values, max_size=3))
    match = draw(st.sampled_from([None, "all", "any", "all-with-x", "any-with-x"]))
    if match is not None:
        arguments["x-match"] = match
    key = draw(keys)
    # 4.3 takes no more than two.
    while key.split(".").count("#") > 2:
        key = key.replace("#", "a", 1)
    return (
        draw(st.sampled_from(_EXCHANGES)),
        to,
        draw(st.sampled_from(_QUEUES if to == "queue" else _EXCHANGES)),
        key,
        arguments,
    )


exchanges = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["direct", "fanout", "topic", "headers"]),
        "internal": st.sampled_from([False, False, False, True]),
        "alternate": st.sampled_from([None, None, None, "x0", "x1", "x2", "missing", ""]),
    }
)
messages = st.tuples(st.sampled_from([*_EXCHANGES, "", "amq.fanout"]), keys, headers())


#: Types of RabbitMQ 4 and of plugins, with a binding key that they take.
_OTHERS = {
    "x-local-random": "",
    "x-modulus-hash": "",
    "x-random": "",
    "x-consistent-hash": "1",
    "x-recent-history": "",
}


class Live:
    """A virtual host with the queues, on a live broker; exchanges come and go with each example."""

    def __init__(self, vhost: ScratchVhost, overview: dict[str, Any]) -> None:
        self._vhost, self.version = vhost, overview["rabbitmq_version"]
        self.types = {one["name"] for one in overview["exchange_types"]}
        for queue in _QUEUES:
            vhost.channel.queue_declare(queue, durable=True)

    def declare(self, made: dict[str, Any], bound: list[Any]) -> None:
        channel = self._vhost.channel
        for name, one in made.items():
            more = {} if one["alternate"] is None else {"alternate-exchange": one["alternate"]}
            channel.exchange_declare(
                name, one["type"], durable=True, internal=one["internal"], arguments=more
            )
        for source, to, destination, key, arguments in bound:
            if to == "queue":
                channel.queue_bind(destination, source, key, arguments)
            else:
                channel.exchange_bind(destination, source, key, arguments)

    def remove(self, made: dict[str, Any]) -> None:
        for name in made:
            self._vhost.channel.exchange_delete(name)

    def publish(
        self, exchange: str, key: str, sent: Any
    ) -> tuple[list[str], bool | None, int | None]:
        """(queues that got it, whether it came back, the code of a refusal)"""
        returned: bool | None = False
        code = None
        properties = pika.BasicProperties(headers=sent)
        try:
            self._vhost.channel.basic_publish(exchange, key, b"m", properties, mandatory=True)
        except pika.exceptions.UnroutableError:
            returned = True
        except pika.exceptions.ChannelClosedByBroker as error:
            returned, code = None, error.reply_code
        got = []
        for queue in _QUEUES:
            copies = 0
            while self._vhost.channel.basic_get(queue, auto_ack=True)[0] is not None:
                copies += 1
            assert copies <= 1
            got += [queue] * copies
        return sorted(got), returned, code


@pytest.fixture(scope="module", autouse=True)
def _floats() -> Iterator[None]:
    """pika sends no floats by itself: send them as doubles, as other clients do."""
    plain = pika.data.encode_value

    def encode(pieces: list[bytes], value: Any) -> int:
        if isinstance(value, float):
            pieces.append(struct.pack(">cd", b"d", value))
            return 9
        return plain(pieces, value)

    pika.data.encode_value = encode
    yield
    pika.data.encode_value = plain


def _urls() -> list[str]:
    named = os.environ.get("RABBITMQ_TEST_URLS", "").split()
    return named or [os.environ.get("RABBITMQ_URL", "")]


@pytest.fixture(scope="module", params=_urls(), ids=lambda url: url.rpartition("@")[2])
def live(request: Any) -> Iterator[Live]:
    # Each broker's own listener, not that of the suite's node.
    environment = pytest.MonkeyPatch()
    environment.delenv("RABBITMQ_AMQP_URL", raising=False)
    broker = LiveBroker(request.param)
    name = f"routing-{uuid4().hex[:8]}"
    broker.call("PUT", "vhosts", name)
    rights = {"configure": ".*", "write": ".*", "read": ".*"}
    broker.call("PUT", "permissions", name, broker.username, body=rights)
    vhost = ScratchVhost(broker, name)
    try:
        yield Live(vhost, broker.call("GET", "overview"))
    finally:
        with suppress(Exception):
            vhost.close()
        broker.forget("vhosts", name)
        environment.undo()


def topology_of(made: dict[str, Any], bound: list[Any], version: str) -> Topology:
    return build(
        "v",
        [
            Exchange("amq.fanout", "fanout"),
            *(
                Exchange(
                    name,
                    one["type"],
                    one["internal"],
                    alternate=None
                    if one["alternate"] is None
                    else Setting(one["alternate"], "argument"),
                )
                for name, one in made.items()
            ),
        ],
        [Queue(name) for name in _QUEUES],
        [Binding(*one) for one in bound],
        version=version_of(version),
    )


@settings(
    max_examples=_EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    made=st.fixed_dictionaries(dict.fromkeys(_EXCHANGES, exchanges)),
    bound=st.lists(bindings(), max_size=9),
    sent=st.lists(messages, min_size=1, max_size=4),
)
def test_the_router_says_what_the_broker_does(
    live: Live, made: dict[str, Any], bound: list[Any], sent: list[Any]
) -> None:
    """AC-061: bindings to queues and exchanges, whatever the types, keys and headers. AC-107: routed
    and not routed are told apart."""
    topology = topology_of(made, bound, live.version)
    live.declare(made, bound)
    try:
        for exchange, key, given_headers in sent:
            found = route(topology, exchange, key, given_headers, mandatory=True)
            code = found.refusal.code if found.refusal else None
            said = (sorted(found.queues), found.returned, code)
            assert said == live.publish(exchange, key, given_headers), found.sentence
            assert not found.possible
    finally:
        live.remove(made)


def test_types_that_pick_one_queue_pick_one_of_those_named(live: Live) -> None:
    """For each of these types that the broker offers."""
    for of_type in _OTHERS.keys() & live.types:
        made = {"x0": {"type": of_type, "internal": False, "alternate": None}}
        bound = [("x0", "queue", queue, _OTHERS[of_type], {}) for queue in ("q0", "q1", "q2")]
        topology = topology_of(made, bound, live.version)
        live.declare(made, bound)
        try:
            for key in ("", "a", "b", "a.b", "1"):
                found = route(topology, "x0", key, mandatory=True)
                got, returned, _ = live.publish("x0", key, None)
                assert returned is False
                if of_type == "x-recent-history":
                    assert (got, found.verdict) == (list(found.queues), "routed")
                else:
                    assert len(got) == 1
                    assert set(got) < set(found.possible) == {"q0", "q1", "q2"}
        finally:
            live.remove(made)


def test_without_bindings_those_types_route_nothing(live: Live) -> None:
    for of_type in _OTHERS.keys() & live.types:
        made = {"x0": {"type": of_type, "internal": False, "alternate": "amq.fanout"}}
        topology = topology_of(made, [], live.version)
        live.declare(made, [])
        try:
            found = route(topology, "x0", "a", mandatory=True)
            assert (list(found.queues), found.returned) == live.publish("x0", "a", None)[:2]
        finally:
            live.remove(made)
