"""Celery's messages in a real Redis: a queue that nobody reads does not grow."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kombu import Connection
from redis.exceptions import OutOfMemoryError

import console.celery  # noqa: F401 – names the transport
from console.background.transports import redis_queue
from console.local.folder import StateFolder
from console.local.servers.ports import Ports

pytestmark = pytest.mark.faults


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Connection]:
    port = Ports(StateFolder(tmp_path)).choose("redis")
    words = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    process = subprocess.Popen(["redis-server", *words], stdout=subprocess.DEVNULL)
    try:
        with Connection(f"redis://127.0.0.1:{port}/0") as connection:
            for _ in range(100):
                try:
                    connection.ensure_connection(max_retries=1, timeout=1)
                    break
                except connection.connection_errors:
                    time.sleep(0.1)
            yield connection
    finally:
        process.terminate()
        process.wait()


def fill(queue: Any, numbers: range) -> None:
    for number in numbers:
        queue.put({"number": number})


def fill_up(client: Any) -> None:
    while True:
        client.rpush("apply", b"x" * 10_000)


def test_the_newest_are_kept_of_a_queue_that_nobody_reads(
    redis: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_queue, "MOST_WAITING", 20)
    with redis.SimpleQueue("apply") as queue:
        fill(queue, range(50))
        assert queue.qsize() == 20
        assert [queue.get(block=False).payload["number"] for _ in range(20)] == list(range(30, 50))


def test_a_redis_that_is_full_takes_messages_again_once_there_is_room(
    redis: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As an installation that ran for weeks without a worker: the next message finds Redis full."""
    with redis.SimpleQueue("apply") as queue:
        fill(queue, range(200))
        client = redis.default_channel.client
        client.config_set("maxmemory", 4_000_000)
        with pytest.raises(OutOfMemoryError):
            fill_up(client)
        monkeypatch.setattr(redis_queue, "MOST_WAITING", 20)
        queue.put({"number": 1000})
        assert queue.qsize() == 20


def test_what_celery_keeps_for_itself_is_left_alone(
    redis: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_queue, "MOST_WAITING", 20)
    with redis.SimpleQueue("warren@host.celery.pidbox") as queue:
        fill(queue, range(50))
        assert queue.qsize() == 50


def test_ten_thousand_messages_take_little_of_the_memory_that_compose_gives(
    redis: Connection,
) -> None:
    from celery import current_app

    from vhosts.tasks import poll_broker

    with current_app.connection_for_write(redis.as_uri()) as connection:
        with connection.Producer() as producer:
            for number in range(200):
                poll_broker.apply_async((number, number), expires=60, producer=producer)
        client = connection.default_channel.client
        one = client.memory_usage("polling", samples=0) / 200
    assert one * redis_queue.MOST_WAITING * 3 < 64_000_000
