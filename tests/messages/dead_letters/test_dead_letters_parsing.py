"""What a dead letter says about itself, however odd it is. No broker."""

from __future__ import annotations

from datetime import UTC, datetime

import pika
import pytest

from console.rabbitmq.amqp.message import Message
from vhosts.messages.dead_letters.parsing.deaths import deaths_of
from vhosts.messages.dead_letters.parsing.exceptions import exception_of
from vhosts.messages.dead_letters.parsing.grouping import MOST_GROUPS, grouped, letter_of
from vhosts.messages.dead_letters.parsing.shape import shape_of

AT = datetime(2026, 11, 27, 2, 46, 11)  # noqa: DTZ001 – as pika decodes it
REJECTED = {
    "queue": "orders.invoice", "reason": "rejected", "count": 3, "exchange": "orders",
    "routing-keys": ["order.invoice.created"], "time": AT,
}  # fmt: skip
EXPIRED = {
    "queue": "orders.invoice.retry", "reason": "expired", "count": 2, "exchange": "orders.retry",
    "routing-keys": ["order.invoice.created"], "time": AT, "original-expiration": "30000",
}  # fmt: skip


def message(headers=None, body=b"", **properties):
    return Message("dlx", "k", False, pika.BasicProperties(headers=headers, **properties), body)


def test_the_first_death_is_the_one_that_the_headers_name():
    found = deaths_of({
        "x-death": [REJECTED, EXPIRED],
        "x-first-death-queue": "orders.invoice",
        "x-first-death-reason": "rejected",
        "x-first-death-exchange": "orders",
    })  # fmt: skip
    assert (found.first.queue, found.first.reason) == ("orders.invoice", "rejected")
    assert (found.first.exchange, found.first.routing_keys) == (
        "orders",
        ("order.invoice.created",),
    )
    assert found.last.queue == "orders.invoice"
    assert found.times == 3
    assert found.first.at == datetime(2026, 11, 27, 2, 46, 11, tzinfo=UTC)
    assert found.entries[1].expiration == "30000"
    assert not found.incomplete


def test_without_names_the_oldest_entry_is_the_first():
    found = deaths_of({"x-death": [EXPIRED, REJECTED]})
    assert (found.first.queue, found.last.queue) == ("orders.invoice", "orders.invoice.retry")


def test_names_alone_are_a_death_too():
    """RabbitMQ 4.x keeps them where a client removed x-death."""
    found = deaths_of({
        "x-first-death-queue": "a", "x-first-death-reason": "maxlen", "x-first-death-exchange": "",
        "x-last-death-queue": "b", "x-last-death-reason": "expired", "x-last-death-exchange": "e",
    })  # fmt: skip
    assert (found.first.queue, found.first.exchange, found.times) == ("a", "", 1)
    assert (found.last.queue, found.last.exchange) == ("b", "e")


@pytest.mark.parametrize(
    "given",
    [
        None, 7, "x", b"\xff", {}, [None], [{}], [{"queue": 1, "reason": 2}], [[REJECTED]],
        [{"queue": "q" * 300, "reason": "rejected"}], [{"queue": b"\xff", "reason": "rejected"}],
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_left_out(given):
    found = deaths_of({"x-death": given} if given is not None else {})
    assert found.entries == ()
    assert found.first is None
    assert found.times == 0
    assert found.incomplete is (given not in (None, []))


@pytest.mark.parametrize("count", [None, "3", -1, 0, True, 2**70, 1.5])
def test_a_count_that_is_none_counts_once(count):
    assert deaths_of({"x-death": [{**REJECTED, "count": count}]}).first.count == 1


@pytest.mark.parametrize("at", ["yesterday", 2**60, -5, datetime(9999, 1, 1), True])  # noqa: DTZ001
def test_a_time_that_is_none_is_unknown(at):
    assert deaths_of({"x-death": [{**REJECTED, "time": at}]}).first.at is None


@pytest.mark.parametrize(
    ("headers", "text"),
    [
        ({"MT-Fault-ExceptionType": "System.TimeoutException", "MT-Fault-Message": "too slow"},
         "System.TimeoutException: too slow"),
        ({"NServiceBus.ExceptionInfo.ExceptionType": "A.B", "NServiceBus.ExceptionInfo.Message": "A.B: no"},
         "A.B: no"),
        ({"x-exception-message": "no rate for country XI", "x-exception-stacktrace": "at x"},
         "no rate for country XI"),
        ({"x-exception-stacktrace": b"\n  java.lang.X: no\n at y"}, "java.lang.X: no"),
        ({"rbs2-error-details": "1 unhandled exceptions\n System.X"}, "1 unhandled exceptions"),
        ({"X-Error": "CardDeclined"}, "CardDeclined"),
        ({"exc_type": "ValueError", "exc_message": "bad"}, "ValueError: bad"),
        ({"x-exception": 5}, ""), ({"x-exception": ["a"]}, ""), ({}, ""),
    ],
)  # fmt: skip
def test_exceptions_of_frameworks(headers, text):
    assert exception_of(headers).text == text


def test_what_differs_from_message_to_message_does_not_count():
    one = exception_of({"x-error": "order 17 of 0f8fad5b-d9cb-469f-a165-70867728950e failed"})
    other = exception_of({"x-error": "order 9 of 7c9e6679-7425-40de-944b-e07fc1f90ae7 failed"})
    assert one.alike == other.alike != one.text


def test_a_huge_exception_is_cut():
    assert len(exception_of({"x-error": "x" * 10_000_000}).text) == 300


def test_shapes_have_no_values():
    one = shape_of(b'{"id": 1, "lines": [{"sku": "a"}, {"sku": "b"}]}')
    assert one
    assert one == shape_of(b'{"lines": [{"sku": "zz"}], "id": 99.5}')
    assert one != shape_of(b'{"id": "1", "lines": []}')


@pytest.mark.parametrize(
    "body", [b"", b"\xff", b"5", b"{", b"[" * 100_000, b'"' + b"x" * 300_000 + b'"']
)
def test_what_is_no_json_object_has_no_shape(body):
    assert shape_of(body) == ""


def test_letters_are_grouped_by_origin_reason_and_exception():
    alike = {"x-death": [REJECTED], "x-error": "order 1 failed"}
    letters = [
        letter_of(one, position, with_shape=True)
        for position, one in enumerate([
            message(alike), message({**alike, "x-error": "order 2 failed"}),
            message({"x-death": [EXPIRED]}), message(None), message(alike, b'{"a": 1}'),
        ])
    ]  # fmt: skip
    groups, left_out = grouped(letters)
    assert [one.count for one in groups.values()] == [2, 1, 1, 1]
    assert left_out == 0
    first = next(iter(groups.values()))
    assert (first.exchange, first.routing_key, first.most_times) == (
        "orders",
        "order.invoice.created",
        3,
    )
    assert first.positions == [0, 1]
    assert letters[0].base == letters[4].base != letters[2].base


def test_too_many_groups_are_counted_not_stored():
    letters = [
        letter_of(message({"x-error": "e" * (one + 1)}), one, with_shape=False)
        for one in range(MOST_GROUPS + 20)
    ]
    groups, left_out = grouped(letters)
    assert len(groups) == MOST_GROUPS
    assert left_out == 20
