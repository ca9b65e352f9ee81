"""Counters and rates, from lines as RabbitMQ 3.10, 4.0 and 4.3 send them."""

from __future__ import annotations

import pytest

from console.rabbitmq.prometheus.counters import (
    Counters,
    Style,
    counters_in,
    families,
    pack,
    style_of,
    unpack,
)
from console.rabbitmq.prometheus.labels import spellings
from console.rabbitmq.prometheus.rates import NotComparable, rates_between
from console.rabbitmq.prometheus.values import Metrics

OF_3_10 = rb"""
# TYPE rabbitmq_detailed_channel_messages_published_total counter
rabbitmq_detailed_channel_messages_published_total{channel="<0.9.0>",vhost="/",exchange=""} 20
rabbitmq_detailed_channel_messages_published_total{channel="<0.9.0>",vhost="/",exchange="x"} 40
# TYPE rabbitmq_detailed_channel_messages_unroutable_dropped_total counter
rabbitmq_detailed_channel_messages_unroutable_dropped_total{channel="<0.9.0>",vhost="/",exchange="x"} 20
# TYPE rabbitmq_detailed_channel_get_ack_total counter
rabbitmq_detailed_channel_get_ack_total{channel="<0.9.0>",vhost="/",queue="q"} 5
# TYPE rabbitmq_detailed_channel_messages_acked_total counter
rabbitmq_detailed_channel_messages_acked_total{channel="<0.9.0>",vhost="/",queue="q"} 15
# TYPE rabbitmq_detailed_queue_messages_published_total counter
rabbitmq_detailed_queue_messages_published_total{channel="<0.9.0>",queue_vhost="/",queue="q",exchange_vhost="/",exchange=""} 20
rabbitmq_detailed_queue_messages_published_total{channel="<0.9.0>",queue_vhost="/",queue="z "od\d" q",exchange_vhost="/",exchange="x"} 10
"""
OF_4 = rb"""
# TYPE rabbitmq_detailed_exchange_messages_published_total counter
rabbitmq_detailed_exchange_messages_published_total{vhost="/",exchange=""} 20
rabbitmq_detailed_exchange_messages_published_total{vhost="/",exchange="x"} 40
# TYPE rabbitmq_detailed_exchange_messages_unroutable_dropped_total counter
rabbitmq_detailed_exchange_messages_unroutable_dropped_total{vhost="/",exchange="x"} 20
# TYPE rabbitmq_detailed_queue_get_ack_total counter
rabbitmq_detailed_queue_get_ack_total{vhost="/",queue="q"} 5
# TYPE rabbitmq_detailed_queue_messages_acked_total counter
rabbitmq_detailed_queue_messages_acked_total{vhost="/",queue="q"} 15
# TYPE rabbitmq_detailed_queue_exchange_messages_published_total counter
rabbitmq_detailed_queue_exchange_messages_published_total{vhost="/",exchange="",queue="q"} 20
rabbitmq_detailed_queue_exchange_messages_published_total{vhost="/",exchange="x",queue="z \"od\\d\" q"} 10
"""
ODD = ("/", 'z "od\\d" q')


def read(body: bytes, style: Style, at: float = 10, node: str = "a") -> Counters:
    return counters_in(Metrics(body), node, style, read_at=at, limit=1000)


def rates(before: list[Counters], after: list[Counters], odd: list[tuple[str, str]] | None = None):
    return rates_between(before, after, queues=spellings(odd or []), exchanges={}, longest_s=60)


@pytest.mark.parametrize(("body", "style"), [(OF_3_10, "channel"), (OF_4, "queue")])
def test_every_version_says_the_same(body: bytes, style: Style) -> None:
    now = read(body, style)
    found = rates([read(b"", style, at=0)], [now], [ODD])
    assert found.queues[("/", "q")] == (2, 0, 1.5, 0, 0.5)
    assert found.queues[ODD] == (1, 0, 0, 0, 0)
    assert found.exchanges[("/", "x")] == (4, 1, 0, 2)
    assert found.exchanges[("/", "")] == (2, 2, 0, 0)
    assert (found.unreadable, now.odd()) == (0, True)
    assert now.size > 100
    assert unpack(pack([now]))[0].parts() == now.parts()


def test_which_families_a_version_has() -> None:
    assert families(style_of("3.10.8"))[0] == "channel_queue_metrics"
    assert families(style_of("4.3.6"))[0] == "queue_delivery_metrics"
    assert style_of("") == "channel"


def row(value: int, name: bytes = b"q") -> bytes:
    metric = b"rabbitmq_detailed_queue_messages_acked_total"
    return b'# TYPE %s counter\n%s{vhost="/",queue="%s"} %d\n' % (metric, metric, name, value)


@pytest.mark.parametrize(
    ("before", "after", "rate"),
    [(row(10), row(30), 2), (row(100), row(30), 3), (b"", row(30), 3), (row(10), b"", None)],
    ids=["grown", "reset", "new", "lost"],
)
def test_how_a_counter_becomes_a_rate(before: bytes, after: bytes, rate: float | None) -> None:
    found = rates([read(before, "queue", at=0)], [read(after, "queue")])
    assert (found.queues[("/", "q")].ack if found.queues else None) == rate


def test_nodes_are_compared_one_by_one() -> None:
    then = [read(row(100), "queue", at=0, node=node) for node in "ab"]
    now = [read(row(110), "queue", node="a"), read(row(5), "queue", node="b")]
    assert rates(then, now).queues[("/", "q")].ack == 1.5
    assert rates(then, now[:1]).queues[("/", "q")].ack == 1


@pytest.mark.parametrize("at", [0, 61, -5])
def test_a_gap_or_a_clock_set_back_gives_no_rates(at: float) -> None:
    with pytest.raises(NotComparable):
        rates([read(row(1), "queue", at=0)], [read(row(2), "queue", at=at)])


def test_a_node_that_was_not_read_before_gives_no_rates() -> None:
    with pytest.raises(NotComparable):
        rates([read(row(1), "queue", at=0)], [read(row(2), "queue", node="b")])


def test_an_odd_name_that_is_not_known_is_counted_as_unreadable() -> None:
    found = rates([read(b"", "queue", at=0)], [read(row(3, rb"a\"b"), "queue")])
    assert (found.queues, found.unreadable) == ({}, 1)


@pytest.mark.parametrize("value", [b"NaN", b"-1", b"1e400", b"x", b"99999999999999999999"])
def test_a_value_that_is_no_counter_is_left_out(value: bytes) -> None:
    metric = b"rabbitmq_detailed_queue_messages_acked_total"
    body = b'# TYPE %s counter\n%s{vhost="/",queue="q"} %s\n' % (metric, metric, value)
    found = read(body, "queue")
    assert (found.deliveries, found.unreadable) == ({}, 1)


def test_bytes_that_are_no_counters_are_refused() -> None:
    with pytest.raises(ValueError, match=r"."):
        unpack(b"no")


def test_the_description_of_the_next_metric_belongs_to_no_row() -> None:
    """The order of OpenMetrics, in which a metric's help precedes its type."""
    metric = b"rabbitmq_detailed_queue_messages_acked_total"
    body = b"# HELP b\n# TYPE b counter\nb 1\n# HELP %s\n%s# HELP c\n# TYPE c counter\nc 2\n"
    assert read(body % (metric, row(4)), "queue") == read(row(4), "queue")


def test_rows_of_some_metrics_only_count_nothing_for_the_others() -> None:
    metric = b"rabbitmq_detailed_queue_get_ack_total"
    body = row(4) + b'# TYPE %s counter\n%s{vhost="/",queue="z"} 7\n' % (metric, metric)
    now = read(body, "queue")
    assert now.deliveries == {
        b'vhost="/",queue="q"': (0, 0, 4, 0, 0, 0),
        b'vhost="/",queue="z"': (0, 0, 0, 0, 7, 0),
    }
    assert unpack(pack([now, read(b"", "queue", node="b")]))[0].parts() == now.parts()
