"""What the console says of consequences, tried on a live broker. sentences.py says which test is for which.

Each experiment acts through the management API, as the console does, and looks at a client over AMQP.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from uuid import uuid4

import pika
import pytest
from pika.exceptions import AMQPError, ChannelClosedByBroker

from accessctl.permissions.patterns import PRESETS
from console.kinds.refusals.versions import version_of

FACTS = [
    json.loads(line) for line in (Path(__file__).parent / "facts.jsonl").read_text().splitlines()
]
FIRST = "first"
FULL = {"configure": ".*", "write": ".*", "read": ".*"}


class Place:
    """A virtual host and a user of its own, with every permission in it; `connect()` is a client of that user."""

    def __init__(self, live: Any) -> None:
        self.live, self.vhost, self.user = live, f"c-{uuid4().hex[:10]}", f"u-{uuid4().hex[:10]}"
        self.open: list[pika.BlockingConnection] = []
        live.call("PUT", "vhosts", self.vhost, body={})
        live.call("PUT", "users", self.user, body={"password": "first", "tags": ""})
        self.permit(FULL)

    def permit(self, patterns: dict[str, str]) -> None:
        self.live.call("PUT", "permissions", self.vhost, self.user, body=patterns)

    def connect(self, password: str = FIRST) -> pika.BlockingConnection:
        parameters = self.live.amqp_parameters(self.vhost)
        parameters.credentials = pika.PlainCredentials(self.user, password)
        parameters.connection_attempts, parameters.socket_timeout = 1, 5
        self.open.append(pika.BlockingConnection(parameters))
        return self.open[-1]

    def refuses(self, password: str = FIRST) -> bool:
        try:
            self.connect(password)
        except (AMQPError, OSError):
            return True
        return False

    def publish(self, queue: str, number: int, exchange: str = "") -> None:
        channel = self.connect().channel()
        channel.confirm_delivery()
        for _ in range(number):
            with contextlib.suppress(AMQPError):
                channel.basic_publish(exchange, queue, b"x")

    def depth(self, queue: str) -> int:
        channel = self.connect().channel()
        return int(channel.queue_declare(queue, passive=True).method.message_count)

    def close(self) -> None:
        for connection in self.open:
            with contextlib.suppress(Exception):
                connection.close()
        self.live.forget("vhosts", self.vhost)
        self.live.forget("users", self.user)


@pytest.fixture
def place(live_broker: Any) -> Iterator[Place]:
    found = Place(live_broker)
    yield found
    found.close()


@pytest.fixture
def fact(live_broker: Any) -> Callable[[str], Any]:
    """fact("delete_policy classic"): what this version was recorded to do, else the oldest one."""
    version = live_broker.call("GET", "overview")["rabbitmq_version"]

    def find(scenario: str) -> Any:
        row = next(one for one in FACTS if one["scenario"] == scenario)
        return row.get(version, row["3.10.8"])

    return find


def is_closed(connection: pika.BlockingConnection, within: float = 5) -> bool:
    ends = time.monotonic() + within
    while connection.is_open and time.monotonic() < ends:
        with contextlib.suppress(AMQPError):
            connection.process_data_events(0.1)
    return not connection.is_open


def stays_open(connection: pika.BlockingConnection) -> bool:
    return not is_closed(connection, within=1.5)


def may(act: Callable[[Any], Any], connection: pika.BlockingConnection) -> bool:
    channel = connection.channel()
    channel.confirm_delivery()
    try:
        act(channel)
    except ChannelClosedByBroker as error:
        if error.reply_code != 403:
            raise
        return False
    return True


# Users


def test_deleting_a_user_closes_its_connections(place):
    connection = place.connect()
    place.live.call("DELETE", "users", place.user)
    assert is_closed(connection)


def test_deleting_a_user_deletes_its_permissions(place):
    body = {"exchange": "amq.topic", "write": "a", "read": "b"}
    place.live.call("PUT", "topic-permissions", place.vhost, place.user, body=body)
    place.live.call("DELETE", "users", place.user)
    place.live.call("PUT", "users", place.user, body={"password": "first", "tags": ""})
    for part in ("permissions", "topic-permissions"):
        assert place.live.call("GET", "users", place.user, part) == []


def test_a_password_is_not_told(place):
    told = place.live.call("GET", "users", place.user)
    assert "first" not in json.dumps(told)
    assert set(told) >= {"password_hash"}


def test_a_new_password_keeps_connections_open(place, fact):
    connection = place.connect()
    place.live.call("PUT", "users", place.user, body={"password": "second", "tags": ""})
    recorded = fact("change_password_with_open_connections")
    assert stays_open(connection) is recorded["client"]["connection_open"] is True
    assert place.refuses("first")
    assert recorded["amqp_new"] == "ok"
    assert not place.refuses("second")


def test_without_a_password_nobody_logs_in(place):
    connection = place.connect()
    place.live.call("PUT", "users", place.user, body={"password_hash": "", "tags": ""})
    assert stays_open(connection)
    assert place.refuses("first")
    assert place.refuses("")


def test_a_new_user_has_no_permission(place):
    place.live.call("DELETE", "users", place.user)
    place.live.call("PUT", "users", place.user, body={"password": "first", "tags": ""})
    assert place.live.call("GET", "users", place.user, "permissions") == []
    assert place.refuses()


# Virtual hosts


def test_deleting_a_virtual_host_loses_its_messages(place):
    place.connect().channel().queue_declare("q", durable=True)
    place.publish("q", 3)
    assert place.depth("q") == 3
    place.live.call("DELETE", "vhosts", place.vhost)
    place.live.call("PUT", "vhosts", place.vhost, body={})
    assert place.live.call("GET", "queues", place.vhost) == []


def test_deleting_a_virtual_host_closes_its_connections(place):
    connection = place.connect()
    place.live.call("DELETE", "vhosts", place.vhost)
    assert is_closed(connection, within=15)


def test_a_client_that_names_no_virtual_host_is_in_the_default_one(place):
    place.live.call("PUT", "permissions", "/", place.user, body=FULL)
    named = place.live.amqp_parameters()
    nothing = pika.ConnectionParameters(
        host=named.host,
        port=named.port,
        credentials=pika.PlainCredentials(place.user, "first"),
        client_properties={"connection_name": place.user},
    )
    place.open.append(pika.BlockingConnection(nothing))
    ends, found = time.monotonic() + 20, []
    while not found and time.monotonic() < ends:
        found = [
            one["vhost"]
            for one in place.live.call("GET", "connections")
            if one.get("user") == place.user
        ]
        time.sleep(0.2)
    assert found == ["/"]


def test_a_new_virtual_host_is_for_who_created_it_alone(live_broker):
    vhost = f"c-{uuid4().hex[:10]}"
    live_broker.call("PUT", "vhosts", vhost, body={})
    try:
        (one,) = live_broker.call("GET", "vhosts", vhost, "permissions")
        assert one["user"] == live_broker.username
        assert {name: one[name] for name in FULL} == FULL
    finally:
        live_broker.forget("vhosts", vhost)


def test_a_protected_virtual_host_is_not_deleted(live_broker):
    """RabbitMQ 4.0.6 and later; older ones have no such address, and the form doesn't offer it there."""
    vhost = f"c-{uuid4().hex[:10]}"
    protection = ("vhosts", vhost, "deletion", "protection")
    has_it = version_of(live_broker.call("GET", "overview")["rabbitmq_version"]) >= (4, 0, 6)
    live_broker.call("PUT", "vhosts", vhost, body={})
    try:
        if has_it:
            live_broker.call("POST", *protection)
            with pytest.raises(HTTPError, match="412"):
                live_broker.call("DELETE", "vhosts", vhost)
            assert live_broker.call("GET", "vhosts", vhost)["protected_from_deletion"] is True
            live_broker.call("DELETE", *protection)
        else:
            with pytest.raises(HTTPError, match=r"40[45]"):
                live_broker.call("POST", *protection)
        live_broker.call("DELETE", "vhosts", vhost)
        assert vhost not in [row["name"] for row in live_broker.call("GET", "vhosts")]
    finally:
        live_broker.forget("vhosts", vhost)


# Policies


def _policy(place, name, length, priority=0, part="policies"):
    body = {
        "pattern": "^q$",
        "apply-to": "queues",
        "priority": priority,
        "definition": {"max-length": length},
    }
    place.live.call("PUT", part, place.vhost, name, body=body)


def _kept(place, published):
    """Of messages published to an empty queue."""
    place.connect().channel().queue_purge("q")
    place.publish("q", published)
    return place.depth("q")


def test_only_the_policy_of_highest_priority_applies(place):
    place.connect().channel().queue_declare("q")
    _policy(place, "low", 2, priority=1)
    _policy(place, "high", 5, priority=9)
    assert _kept(place, 8) == 5


def test_deleting_a_policy_hands_over_to_the_next(place):
    place.connect().channel().queue_declare("q")
    _policy(place, "low", 2, priority=1)
    _policy(place, "high", 5, priority=9)
    place.live.call("DELETE", "policies", place.vhost, "high")
    assert _kept(place, 8) == 2


def test_a_policy_with_a_key_that_the_type_lacks_does_not_apply_at_all(place):
    place.connect().channel().queue_declare("q")
    _policy(place, "low", 2, priority=1)
    body = {"pattern": "^q$", "apply-to": "queues", "priority": 9}
    for key, value, kept in (("delivery-limit", 3, 2), ("overflow", "drop-head", 5)):
        definition = {"max-length": 5, key: value}
        place.live.call(
            "PUT", "policies", place.vhost, "high", body={**body, "definition": definition}
        )
        assert _kept(place, 8) == kept, key


def test_deleting_the_only_policy_frees_its_queues(place, fact):
    recorded = fact("delete_policy classic")
    place.connect().channel().queue_declare("q")
    _policy(place, "p", 5)
    assert _kept(place, 8) == recorded["kept_under_policy"] == 5
    place.live.call("DELETE", "policies", place.vhost, "p")
    place.publish("q", 3)
    assert place.depth("q") == recorded["kept_after"] == 8


def test_deleting_an_operator_policy_leaves_the_policy(place, fact):
    recorded = fact("operator_policy_changes")
    place.connect().channel().queue_declare("q")
    _policy(place, "p", 10)
    _policy(place, "o", 4, part="operator-policies")
    assert _kept(place, 12) == recorded["both"] == 4
    place.live.call("DELETE", "operator-policies", place.vhost, "o")
    assert _kept(place, 12) == recorded["policy_alone"] == 10


def _set(place, definition, name="p"):
    body = {"pattern": "^q$", "apply-to": "queues", "priority": 0, "definition": definition}
    place.live.call("PUT", "policies", place.vhost, name, body=body)


def _declare(place, of_type, **arguments):
    """The queue q, of this type, and a queue that dead letters go to."""
    channel = place.connect().channel()
    arguments["x-queue-type"] = of_type
    channel.queue_declare("q", durable=True, arguments=arguments)
    channel.queue_declare("dead", durable=True)


def _send(place, *bodies, queue="q"):
    """How many of these messages, in this order, the broker confirmed."""
    channel = place.connect().channel()
    channel.confirm_delivery()
    confirmed = 0
    for body in bodies:
        with contextlib.suppress(AMQPError):
            channel.basic_publish("", queue, body.encode())
            confirmed += 1
    return confirmed


def _left(place, queue="q"):
    """The messages in the queue, oldest first; they are gone then."""
    channel = place.connect().channel()
    return [
        body.decode()
        for _, _, body in iter(lambda: channel.basic_get(queue, auto_ack=True), (None, None, None))
    ]


def _soon(look, expected, within=10.0):
    ends = time.monotonic() + within
    while (found := look()) != expected and time.monotonic() < ends:
        time.sleep(0.1)
    return found


TYPES = pytest.mark.parametrize("of_type", ["classic", "quorum"])


@TYPES
def test_a_lower_max_length_drops_the_oldest_messages_immediately(place, of_type):
    _declare(place, of_type)
    _send(place, "1", "2", "3", "4", "5")
    assert place.depth("q") == 5
    _set(place, {"max-length": 2})
    assert _soon(lambda: place.depth("q"), 2) == 2
    assert _left(place) == ["4", "5"]


@TYPES
def test_messages_over_a_lower_max_length_are_dead_lettered_where_there_is_an_exchange(
    place, of_type
):
    _declare(place, of_type)
    _send(place, "1", "2", "3")
    _set(
        place,
        {"max-length": 1, "dead-letter-exchange": "", "dead-letter-routing-key": "dead"},
    )
    assert _soon(lambda: place.depth("dead"), 2) == 2
    # A quorum queue hands them over in any order.
    assert sorted(_left(place, "dead")) == ["1", "2"]


@TYPES
def test_a_queue_that_rejects_keeps_what_is_over_a_lower_max_length(place, of_type):
    _declare(place, of_type, **{"x-overflow": "reject-publish"})
    _send(place, "1", "2", "3", "4")
    _set(place, {"max-length": 2})
    assert _soon(lambda: _send(place, "5"), 0) == 0
    assert _left(place)[:4] == ["1", "2", "3", "4"]


def test_a_classic_queue_takes_a_new_limit_with_its_former_overflow(place):
    """It drops messages although the same policy tells it to reject new ones."""
    _declare(place, "classic")
    _send(place, "1", "2", "3")
    _set(place, {"max-length": 1, "overflow": "reject-publish"})
    assert _soon(lambda: place.depth("q"), 1) == 1
    assert _send(place, "4") == 0


def test_a_quorum_queue_takes_a_new_limit_with_its_new_overflow(place):
    _declare(place, "quorum")
    _send(place, "1", "2", "3")
    _set(place, {"max-length": 1, "overflow": "reject-publish"})
    assert _soon(lambda: _send(place, "4"), 0) == 0
    assert _left(place)[:3] == ["1", "2", "3"]


@TYPES
def test_a_queue_that_no_longer_rejects_drops_what_is_over(place, of_type):
    _declare(place, of_type)
    _set(place, {"overflow": "reject-publish"})
    # A quorum queue takes a policy a moment after the answer.
    time.sleep(1)
    _send(place, "1", "2", "3", "4")
    _set(place, {"max-length": 2, "overflow": "reject-publish"})
    assert _soon(lambda: _send(place, "5"), 0) == 0
    assert place.depth("q") >= 4
    _set(place, {"max-length": 2})
    assert _soon(lambda: place.depth("q"), 2) == 2


@TYPES
def test_an_unused_queue_expires_with_its_messages(place, of_type):
    _declare(place, of_type)
    _send(place, "1")
    _set(place, {"expires": 1000})

    def there():
        return "q" in [one["name"] for one in place.live.call("GET", "queues", place.vhost)]

    assert _soon(there, False, within=20) is False
    assert place.live.call("GET", "queues", place.vhost) != []


@TYPES
def test_a_queue_with_a_consumer_does_not_expire(place, of_type):
    _declare(place, of_type)
    connection = place.connect()
    connection.channel().basic_consume("q", lambda *_: None)
    _set(place, {"expires": 500})
    assert stays_open(connection)
    assert place.depth("q") == 0


@TYPES
def test_a_message_ttl_is_for_messages_published_from_then_on(place, of_type):
    _declare(place, of_type)
    _send(place, "before")
    _set(place, {"message-ttl": 100})
    time.sleep(1)
    _send(place, "after")
    time.sleep(1)
    assert _left(place) == ["before"]


# Permissions


def test_without_a_permission_new_connections_are_refused(place):
    place.live.call("DELETE", "permissions", place.vhost, place.user)
    assert place.refuses()


def _with(place, preset):
    chosen = PRESETS[preset]
    place.connect().channel().queue_declare("q")
    place.permit({"configure": chosen.configure, "write": chosen.write, "read": chosen.read})
    connection = place.connect()
    return {
        "declare": may(lambda c: c.queue_declare("new"), connection),
        "delete": may(lambda c: c.queue_delete("q"), connection) if preset != "full" else True,
        "publish": may(lambda c: c.basic_publish("amq.direct", "k", b"x"), connection),
        "publish to a queue": may(lambda c: c.basic_publish("", "q", b"x"), connection),
        "consume": may(lambda c: c.basic_get("q"), connection),
        "purge": may(lambda c: c.queue_purge("q"), connection),
    }


def test_the_preset_none(place):
    assert not any(_with(place, "none").values())


def test_the_preset_read_only(place):
    found = _with(place, "read only")
    assert {name for name, allowed in found.items() if allowed} == {"consume", "purge"}


def test_the_preset_write_only(place):
    found = _with(place, "write only")
    assert {name for name, allowed in found.items() if allowed} == {"publish", "publish to a queue"}


def test_without_a_topic_permission_every_key_is_allowed(place, fact):
    def sends(channel):
        channel.basic_publish("amq.topic", "a.b", b"x")

    body = {"exchange": "amq.topic", "write": "^z", "read": ".*"}
    place.live.call("PUT", "topic-permissions", place.vhost, place.user, body=body)
    assert not may(sends, place.connect())
    place.live.call("DELETE", "topic-permissions", place.vhost, place.user, "amq.topic")
    assert fact("topic_permission_while_publishing")["after_delete"] == "confirmed"
    assert may(sends, place.connect())


# Limits and queues


@pytest.mark.parametrize("part", ["vhost-limits", "user-limits"])
def test_a_limit_of_no_connections(place, part):
    owner = place.vhost if part == "vhost-limits" else place.user
    place.live.call("PUT", part, owner, "max-connections", body={"value": 0})
    assert place.refuses()
    place.live.call("DELETE", part, owner, "max-connections")
    assert not place.refuses()


def test_fixed_properties_of_a_queue_are_refused(place):
    place.live.call("PUT", "queues", place.vhost, "q", body={"durable": True})
    with pytest.raises(HTTPError) as refused:
        place.live.call("PUT", "queues", place.vhost, "q", body={"durable": False})
    assert refused.value.code == 400


def test_deleting_a_queue_loses_its_messages(place):
    place.connect().channel().queue_declare("q", durable=True)
    place.publish("q", 2)
    place.live.call("DELETE", "queues", place.vhost, "q")
    place.connect().channel().queue_declare("q", durable=True)
    assert place.depth("q") == 0
