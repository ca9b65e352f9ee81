"""Many messages at once over one connection; guards what this needs of pika's inner channels."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pika
import pytest

from console.rabbitmq.amqp.properties.exact import exact, properties_of
from console.rabbitmq.amqp.properties.fields import Typed
from console.rabbitmq.amqp.transfer import MARK, Sink, Source
from console.rabbitmq.errors import BrokerError


@pytest.fixture
def connection(scratch_vhost: Any) -> Iterator[pika.BlockingConnection]:
    made = pika.BlockingConnection(scratch_vhost.live.amqp_parameters(scratch_vhost.name))
    yield made
    if made.is_open:
        made.close()


def _settled(sink: Sink) -> list[tuple[int, str, str]]:
    until = time.monotonic() + 30
    while sink.unsettled:
        sink.work(0.05)
        assert time.monotonic() < until
    return sorted((one.number, one.outcome, one.reason) for one in sink.settled)


def _marked(mark: str) -> Any:
    return properties_of({}, [(MARK, Typed("S", mark))])


def test_every_publish_is_settled(scratch_vhost: Any, connection: Any) -> None:
    scratch_vhost.declare("a")
    scratch_vhost.declare("full", **{"x-max-length": 1, "x-overflow": "reject-publish"})
    sink = Sink(connection)
    sink.publish("", "a", _marked("1"), b"x", "1")
    sink.publish("", "nowhere", _marked("2"), b"x", "2")
    sink.publish("", "full", _marked("3"), b"x", "3")
    assert _settled(sink) == [
        (1, "confirmed", ""), (2, "returned", "NO_ROUTE"), (3, "confirmed", ""),
    ]  # fmt: skip
    sink.settled.clear()
    for number in range(4, 14):
        sink.publish("", "full", _marked(str(number)), b"x", str(number))
    assert "refused" in {outcome for _, outcome, _ in _settled(sink)}


def test_work_ends_as_soon_as_all_is_settled(scratch_vhost: Any, connection: Any) -> None:
    scratch_vhost.declare("a")
    sink = Sink(connection)
    sink.publish("", "a", _marked("1"), b"x", "1")
    sink.work(60)
    assert sink.unsettled == 0


def test_exchanges_are_looked_up_without_harm(scratch_vhost: Any, connection: Any) -> None:
    sink = Sink(connection)
    assert sink.has_exchange("")
    assert sink.has_exchange("amq.direct")
    assert not sink.has_exchange("nowhere")
    assert sink.has_exchange("amq.direct")


def test_headers_that_fill_a_frame_do_not_fit(connection: Any) -> None:
    sink = Sink(connection)
    assert sink.fits(_marked("x" * 100_000))
    assert not sink.fits(_marked("x" * 131_072))


@pytest.mark.parametrize("of_type", ["classic", "quorum"])
def test_what_is_given_back_keeps_its_order(
    scratch_vhost: Any, connection: Any, of_type: str
) -> None:
    scratch_vhost.declare("a", **{"x-queue-type": of_type})
    scratch_vhost.publish("a", 30)
    source = Source(connection, "a")
    assert source.count()[0] == 30
    source.consume(20)
    taken: list[Any] = []
    until = time.monotonic() + 30
    while len(taken) < 20 and time.monotonic() < until:
        source.work(0.1)
        taken += source.take(100)
    assert [one.message.body for one in taken] == [b"message %d" % n for n in range(20)]
    source.ack([taken[3].tag])
    source.give_back()
    # A quorum queue applies returns a moment later.
    while source.count()[0] < 29 and time.monotonic() < until:
        source.work(0.05)
    source.consume(40)
    again: list[Any] = []
    while len(again) < 29 and time.monotonic() < until:
        source.work(0.1)
        again += source.take(100)
    back = [one.message.body for one in again]
    expected = [b"message %d" % n for n in range(30) if n != 3]
    if of_type == "quorum":
        # It may put them behind the others, but not among each other.
        assert sorted(back) == sorted(expected)
        assert [body for body in back if body in expected[:19]] == expected[:19]
    else:
        assert back == expected
    assert exact(again[0].message.properties) is again[0].message.properties


def test_a_queue_that_goes_is_an_error(scratch_vhost: Any, connection: Any) -> None:
    scratch_vhost.declare("a")
    source = Source(connection, "a")
    source.consume(5)
    scratch_vhost.delete("a")
    with pytest.raises(BrokerError):
        _work_on(source, 30)


def _work_on(source: Source, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        source.work(0.1)
