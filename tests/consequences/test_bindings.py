"""What the console says goes with a queue or an exchange, tried on a live broker."""

from __future__ import annotations

import time
from typing import Any

import pika
import pytest

from tests.consequences.test_on_a_broker import Place, fact, may, place  # noqa: F401


def _exchange(place: Place, name: str, of_type: str = "fanout", **fields: Any) -> None:  # noqa: F811
    place.live.call(
        "PUT", "exchanges", place.vhost, name, body={"type": of_type, "durable": True, **fields}
    )


def _queue(place: Place, name: str, **arguments: Any) -> None:  # noqa: F811
    body = {"durable": True, "arguments": arguments}
    place.live.call("PUT", "queues", place.vhost, name, body=body)


def _bind(place: Place, source: str, to: str, key: str = "", letter: str = "q") -> None:  # noqa: F811
    place.live.call(
        "POST", "bindings", place.vhost, "e", source, letter, to,
        body={"routing_key": key, "arguments": {}},
    )  # fmt: skip


def _bindings(place: Place) -> set[tuple[str, str]]:  # noqa: F811
    rows = place.live.call("GET", "bindings", place.vhost)
    return {(row["source"], row["destination"]) for row in rows if row["source"]}


def _exchanges(place: Place) -> set[str]:  # noqa: F811
    return {row["name"] for row in place.live.call("GET", "exchanges", place.vhost)}


def _reaches(place: Place, queue: str, depth: int, within: float = 10) -> bool:  # noqa: F811
    ends = time.monotonic() + within
    while (found := place.depth(queue)) != depth and time.monotonic() < ends:
        time.sleep(0.2)
    return found == depth


def test_deleting_a_queue_deletes_its_bindings(place: Place) -> None:  # noqa: F811
    _exchange(place, "x")
    _queue(place, "q")
    _queue(place, "other")
    for key in ("a", "b"):
        _bind(place, "x", "q", key)
    _bind(place, "x", "other")
    place.live.call("DELETE", "queues", place.vhost, "q")
    assert _bindings(place) == {("x", "other")}
    _queue(place, "q")
    assert _bindings(place) == {("x", "other")}


def test_deleting_an_exchange_deletes_its_bindings_both_ways(place: Place) -> None:  # noqa: F811
    for name in ("before", "x", "after"):
        _exchange(place, name)
    _queue(place, "q")
    _bind(place, "before", "x", letter="e")
    _bind(place, "x", "after", letter="e")
    _bind(place, "x", "q")
    _bind(place, "after", "q")
    place.live.call("DELETE", "exchanges", place.vhost, "x")
    assert _bindings(place) == {("after", "q")}


def test_an_auto_delete_exchange_goes_with_its_last_binding(place: Place, fact: Any) -> None:  # noqa: F811
    for name in ("one", "two", "source"):
        _exchange(place, name, auto_delete=True)
    _exchange(place, "x")
    _queue(place, "q")
    _queue(place, "other")
    _bind(place, "one", "q")
    _bind(place, "two", "q")
    _bind(place, "two", "other")
    _bind(place, "source", "x", letter="e")
    place.live.call("DELETE", "queues", place.vhost, "q")
    place.live.call("DELETE", "exchanges", place.vhost, "x")
    recorded = fact("auto_delete_exchange_and_queue")
    assert recorded["exchange_after_queue_delete"] == 404
    assert recorded["source_after_destination_exchange_deleted"] == 404
    assert {"one", "two", "source", "x"} & _exchanges(place) == {"two"}


def _dead_lettering(place: Place, **arguments: Any) -> None:  # noqa: F811
    """q keeps two messages; what is more goes to dlx and to dlq."""
    _exchange(place, "dlx")
    _queue(place, "dlq")
    _bind(place, "dlx", "dlq")
    arguments = {"x-max-length": 2, "x-dead-letter-exchange": "dlx", **arguments}
    _queue(place, "q", **arguments)


def test_without_the_dead_letter_exchange_dead_letters_are_lost(place: Place) -> None:  # noqa: F811
    _dead_lettering(place)
    place.publish("q", 3)
    assert _reaches(place, "dlq", 1)
    place.live.call("DELETE", "exchanges", place.vhost, "dlx")
    place.publish("q", 3)
    assert place.depth("q") == 2
    _exchange(place, "dlx")
    _bind(place, "dlx", "dlq")
    assert place.depth("dlq") == 1
    place.publish("q", 1)
    assert _reaches(place, "dlq", 2)


def test_without_a_queue_for_them_dead_letters_are_lost(place: Place, fact: Any) -> None:  # noqa: F811
    recorded = fact("delete_dead_letter_target classic at-most-once")
    _dead_lettering(place)
    place.live.call("DELETE", "queues", place.vhost, "dlq")
    place.publish("q", 5)
    assert place.depth("q") == recorded["kept_in_q"] == 2
    _queue(place, "dlq")
    _bind(place, "dlx", "dlq")
    assert place.depth("dlq") == recorded["dlq_after_coming_back"] == 0
    place.publish("q", 1)
    assert _reaches(place, "dlq", recorded["dlq_after_one_more"])


@pytest.mark.parametrize("gone", ["exchange", "queue"])
def test_at_least_once_dead_letters_stay_in_their_queue(
    place: Place, gone: str  # noqa: F811
) -> None:  # fmt: skip
    _exchange(place, "dlx")
    _queue(place, "dlq")
    _bind(place, "dlx", "dlq")
    _queue(
        place, "q", **{
            "x-queue-type": "quorum", "x-dead-letter-exchange": "dlx", "x-overflow": "reject-publish",
            "x-dead-letter-strategy": "at-least-once", "x-message-ttl": 100,
        },
    )  # fmt: skip
    place.publish("q", 1)
    assert _reaches(place, "dlq", 1)
    kind = ("exchanges", "dlx") if gone == "exchange" else ("queues", "dlq")
    place.live.call("DELETE", kind[0], place.vhost, kind[1])
    place.publish("q", 3)
    ends, row = time.monotonic() + 30, {}
    # RabbitMQ counts the two at different moments, and names neither before it first counted.
    while {row.get("messages_dlx"), row.get("messages")} != {3} and time.monotonic() < ends:
        row = place.live.call("GET", "queues", place.vhost, "q")
        time.sleep(0.5)
    assert row.get("messages_dlx") == row.get("messages") == 3


def test_a_queue_may_name_a_dead_letter_exchange_that_is_missing(place: Place) -> None:  # noqa: F811
    _queue(place, "q", **{"x-max-length": 1, "x-dead-letter-exchange": "missing"})
    place.publish("q", 3)
    assert place.depth("q") == 1


def test_an_argument_precedes_a_policy(place: Place) -> None:  # noqa: F811
    for name in ("by-argument", "by-policy"):
        _exchange(place, name)
        _queue(place, name)
        _bind(place, name, name)
    body = {
        "pattern": "^[qx]$", "apply-to": "all",
        "definition": {"dead-letter-exchange": "by-policy", "alternate-exchange": "by-policy"},
    }  # fmt: skip
    place.live.call("PUT", "policies", place.vhost, "p", body=body)
    _queue(place, "q", **{"x-max-length": 1, "x-dead-letter-exchange": "by-argument"})
    _exchange(place, "x", arguments={"alternate-exchange": "by-argument"})
    place.publish("q", 2)
    assert _reaches(place, "by-argument", 1)
    place.publish("none", 1, exchange="x")
    assert _reaches(place, "by-argument", 2)
    assert place.depth("by-policy") == 0


def test_without_the_alternate_exchange_what_has_no_route_is_lost_or_returned(
    place: Place,  # noqa: F811
) -> None:
    _exchange(place, "rest")
    _queue(place, "rest")
    _bind(place, "rest", "rest")
    _exchange(place, "x", "direct", arguments={"alternate-exchange": "rest"})
    place.publish("none", 1, exchange="x")
    assert _reaches(place, "rest", 1)
    place.live.call("DELETE", "exchanges", place.vhost, "rest")
    place.publish("none", 1, exchange="x")
    channel = place.connect().channel()
    channel.confirm_delivery()
    with pytest.raises(pika.exceptions.UnroutableError):
        channel.basic_publish("x", "none", b"x", mandatory=True)
    _exchange(place, "rest")
    _bind(place, "rest", "rest")
    assert place.depth("rest") == 1


def test_topic_permissions_outlive_their_exchange(place: Place) -> None:  # noqa: F811
    _exchange(place, "t", "topic")
    body = {"exchange": "t", "write": "^a", "read": ".*"}
    place.live.call("PUT", "topic-permissions", place.vhost, place.user, body=body)
    place.live.call("DELETE", "exchanges", place.vhost, "t")
    assert len(place.live.call("GET", "topic-permissions", place.vhost, place.user)) == 1
    _exchange(place, "t", "topic")
    assert not may(lambda c: c.basic_publish("t", "b", b"x"), place.connect())
    assert may(lambda c: c.basic_publish("t", "a", b"x"), place.connect())


def test_what_is_deleted_takes_neither_messages_nor_consumers(place: Place) -> None:  # noqa: F811
    _exchange(place, "x")
    _queue(place, "q")
    place.live.call("DELETE", "exchanges", place.vhost, "x")
    place.live.call("DELETE", "queues", place.vhost, "q")
    channel = place.connect().channel()
    with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="NOT_FOUND"):
        channel.basic_consume("q", lambda *_: None)
    channel = place.connect().channel()
    channel.confirm_delivery()
    with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="NOT_FOUND"):
        channel.basic_publish("x", "k", b"x")
