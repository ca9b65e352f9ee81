"""Many messages, with the worker killed ten times and the broker restarted twice: none is lost, and
no more of them are there twice than the job says."""

from __future__ import annotations

import contextlib
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pika
import pytest

from tests.conftest import LiveBroker, ScratchVhost
from tests.faults.own_node import OwnNode
from tests.messages.killed import finish, kill_after
from tests.messages.moving import Mover
from vhosts.messages.moving.places import Target
from vhosts.messages.moving.running import transfer

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]

KILLS, RESTARTS = 10, 2
SIZES = [
    pytest.param(2_000, marks=pytest.mark.slow),
    pytest.param(int(os.environ.get("MOVED_MESSAGES", "100000")), marks=pytest.mark.long),
]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnNode]:
    folder: Path = tmp_path_factory.mktemp("moves")
    with OwnNode(folder) as running:
        yield running


@pytest.fixture
def own(
    node: OwnNode, make_broker: Any, superuser: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Mover]:
    # Each broker is asked for its listener.
    monkeypatch.delenv("RABBITMQ_AMQP_URL", raising=False)
    live = LiveBroker(node.url)
    vhost = ScratchVhost(live, "/")
    broker = make_broker(management_url=live.url, username=live.username, password=live.password)
    yield Mover(broker, vhost, superuser)
    with contextlib.suppress(Exception):
        vhost.close()


def _fill(mover: Mover, queue: str, count: int) -> None:
    connection = pika.BlockingConnection(mover.vhost.live.amqp_parameters(mover.vhost.name))
    channel = connection.channel()
    properties = pika.BasicProperties(delivery_mode=2, headers={"a": 1})
    for number in range(count):
        channel.basic_publish("", queue, b"%d" % number, properties)
    connection.close()


def _drain(mover: Mover, queue: str, stream: bool = False) -> list[int]:
    connection = pika.BlockingConnection(mover.vhost.live.amqp_parameters(mover.vhost.name))
    channel = connection.channel()
    found = []
    for _, _, body in channel.consume(queue, auto_ack=True, inactivity_timeout=2):
        if body is None:
            break
        found.append(int(body))
    connection.close()
    return found


def _kill(job: Any, node: OwnNode | None, longest: float) -> None:
    """Kill the worker at random moments, and restart the broker twice in between."""
    chance = random.Random(12)
    killed = 0
    for number in range(40):
        if killed >= KILLS:
            break
        killed += kill_after(job, chance.uniform(0.3, longest))
        job.refresh_from_db()
        if job.has_ended:
            break
        if node is not None and number in (2, 5):
            restart = threading.Thread(target=_restart, args=(node,))
            restart.start()
            kill_after(job, longest)
            restart.join()


def _restart(node: OwnNode) -> None:
    node.control("stop_app")
    node.control("start_app")


def _check(job: Any, found: list[int], count: int, consumed: list[int] | None = None) -> None:
    """`consumed`: what consumers of the source took and acknowledged meanwhile."""
    had = Counter(found)
    twice = sum(number - 1 for number in had.values())
    assert set(had) | set(consumed or ()) == set(range(count)), "lost"
    assert twice <= job.twice + job.unknown, "there twice and not told"
    assert job.state == "done", job.note
    if consumed is None:
        assert (job.confirmed, job.unknown) == (count, 0)


def _clean(mover: Mover, *queues: str) -> None:
    connection = pika.BlockingConnection(mover.vhost.live.amqp_parameters(mover.vhost.name))
    for name in queues:
        connection.channel().queue_delete(name)
    connection.close()


@pytest.mark.parametrize("count", SIZES)
@pytest.mark.parametrize("of_type", ["classic", "quorum"])
def test_within_a_broker(
    own: Mover, node: OwnNode, of_type: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    _slow(monkeypatch, count)
    _clean(own, "a", "b")
    own.vhost.declare("a", **{"x-queue-type": of_type})
    own.vhost.declare("b", **{"x-queue-type": of_type})
    own.vhost.close()
    _fill(own, "a", count)
    job = own.start("a", "b")
    _kill(job, node, count / 20_000 + 0.6)
    finish(job)
    _check(job, _drain(own, "b"), count)
    assert _drain(own, "a") == []


@pytest.mark.parametrize("count", SIZES)
def test_from_a_stream(
    own: Mover, node: OwnNode, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.messages.test_moving_live import _see

    _slow(monkeypatch, count)
    _clean(own, "s", "b")
    own.vhost.declare("s", **{"x-queue-type": "stream"})
    own.vhost.declare("b")
    own.vhost.close()
    _fill(own, "s", count)
    _see(own, "s", "stream")
    job = own.start("s", "b", "copy")
    _kill(job, node, count / 20_000 + 0.6)
    finish(job)
    _check(job, _drain(own, "b"), count)


@pytest.mark.parametrize("count", SIZES)
def test_between_brokers(
    own: Mover, mover: Mover, node: OwnNode, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    _slow(monkeypatch, count)
    _clean(own, "b")
    own.vhost.declare("b")
    own.vhost.close()
    mover.vhost.declare("a")
    _fill(mover, "a", count)
    job = mover.start("a", Target.queue(own.broker, "/", "b"))
    _kill(job, node, count / 20_000 + 0.6)
    finish(job)
    _check(job, _drain(own, "b"), count)


@pytest.mark.parametrize("count", SIZES)
def test_with_consumers_on_the_source(
    mover: Mover, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    _slow(monkeypatch, count)
    mover.vhost.declare("a")
    mover.vhost.declare("b")
    _fill(mover, "a", count)
    consumed: list[int] = []
    over = threading.Event()

    def consume() -> None:
        connection = pika.BlockingConnection(mover.vhost.live.amqp_parameters(mover.vhost.name))
        channel = connection.channel()
        channel.basic_qos(prefetch_count=5)
        for method, _, body in channel.consume("a", inactivity_timeout=0.5):
            if over.is_set():
                break
            if body is not None:
                channel.basic_ack(method.delivery_tag)
                consumed.append(int(body))
                time.sleep(0.002)
        connection.close()

    consumer = threading.Thread(target=consume)
    consumer.start()
    try:
        job = mover.start("a", "b")
        _kill(job, None, count / 20_000 + 0.6)
        finish(job)
    finally:
        over.set()
        consumer.join()
    assert consumed
    found = _drain(mover, "b")
    _check(job, found, count, consumed)
    both = len(set(found) & set(consumed))
    assert both <= job.twice + job.unknown


def _slow(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Few messages need small batches, or the job ends before its worker is killed."""
    if count < 10_000:
        monkeypatch.setattr(transfer, "BATCH", 10)
