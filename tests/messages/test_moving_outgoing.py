"""What a message looks like at its target, without a broker."""

from __future__ import annotations

from typing import Any

from console.rabbitmq.amqp.message import Message
from console.rabbitmq.amqp.properties.exact import ExactProperties, properties_of
from console.rabbitmq.amqp.properties.fields import Typed
from vhosts.messages.moving.running.outgoing import MOST_DEATHS, destination, origin, outgoing


def _death(queue: str, reason: str, exchange: str = "e", key: str = "k") -> Typed:
    keys = Typed("A", [Typed("S", key), Typed("S", "cc")])
    return Typed(
        "F",
        [
            ("queue", Typed("S", queue)), ("reason", Typed("S", reason)),
            ("exchange", Typed("S", exchange)), ("routing-keys", keys),
        ],
    )  # fmt: skip


def _message(headers: Any = None, **properties: Any) -> Message:
    return Message("x", "r", False, properties_of(properties, headers), b"")


def _out(message: Message, **more: Any) -> ExactProperties:
    return outgoing(message, **{"mark": "j/1", "keep_expiration": True, "username": "u", **more})


def test_deaths_of_earlier_moves_are_kept_behind_the_new_ones() -> None:
    first = _out(_message([
        ("x-death", Typed("A", [_death("q", "rejected")])),
        ("x-first-death-queue", Typed("S", "q")), ("x-first-death-reason", Typed("S", "rejected")),
    ]))  # fmt: skip
    assert [one["queue"] for one in first.headers["x-warren-death"]] == ["q"]
    again = properties_of({}, [
        *first.fields, ("x-death", Typed("A", [_death("q2", "expired")])),
        ("x-first-death-queue", Typed("S", "q2")), ("x-first-death-reason", Typed("S", "expired")),
    ])  # fmt: skip
    second = _out(Message("", "", False, again, b""))
    assert [one["queue"] for one in second.headers["x-warren-death"]] == ["q2", "q"]
    assert second.headers["x-warren-first-death-queue"] == "q"
    assert second.headers["x-warren-moves"] == 2
    assert not any(name.startswith("x-first") for name in second.header_names)


def test_deaths_are_bounded() -> None:
    many = Typed("A", [_death("q", "expired")] * 90)
    found = _out(_message([("x-death", many), ("x-warren-death", many)]))
    assert len(found.headers["x-warren-death"]) == MOST_DEATHS


def test_counters_are_renamed_and_replaced() -> None:
    found = _out(_message([
        ("x-delivery-count", Typed("l", 3)), ("x-warren-delivery-count", Typed("l", 1)),
        ("x-acquired-count", Typed("l", 4)), ("BCC", Typed("A", [])),
    ]))  # fmt: skip
    assert found.headers["x-warren-delivery-count"] == 3
    assert found.headers["x-warren-acquired-count"] == 4
    assert found.header_names.count("x-warren-delivery-count") == 1
    assert not {"x-delivery-count", "x-acquired-count", "BCC"} & set(found.header_names)


def test_a_foreign_user_and_an_expiration_become_headers() -> None:
    found = _out(_message(user_id="app", expiration="60"), keep_expiration=False)
    assert (found.user_id, found.expiration) == (None, None)
    assert found.headers["x-warren-user-id"] == "app"
    assert found.headers["x-warren-expiration"] == "60"
    assert _out(_message(user_id="u", expiration="60")).expiration == "60"
    assert _out(_message(user_id="u")).user_id == "u"


def test_the_origin_is_that_of_the_first_death() -> None:
    deaths = Typed("A", [_death("late", "expired", "dlx", "dead"), _death("q", "rejected")])
    first = [("x-first-death-queue", Typed("S", "q")), ("x-first-death-reason", Typed("S", "rejected"))]  # fmt: skip
    assert origin(_message([("x-death", deaths), *first])) == ("e", "k")
    # One that happened again moves to the front.
    turned = Typed("A", list(reversed(deaths.value)))
    assert origin(_message([("x-death", turned), *first])) == ("e", "k")
    moved = _out(_message([("x-death", deaths), *first]))
    assert origin(Message("", "parked", False, moved, b"")) == ("e", "k")


def test_without_a_death_the_origin_is_where_it_was_delivered_from() -> None:
    for headers in (None, [("x-death", Typed("S", "?"))], [("x-death", Typed("A", []))]):
        assert origin(_message(headers)) == ("x", "r")


def test_a_target_may_name_exchange_and_key() -> None:
    message = _message()
    assert destination(message, None, None) == ("x", "r")
    assert destination(message, "t", None) == ("t", "r")
    assert destination(message, "", "q") == ("", "q")
