from __future__ import annotations

import threading
from pathlib import Path
from queue import Empty

import pytest
from kombu import Connection

import console.celery  # noqa: F401 – names the transport
from console.background.transports import file_queue

MESSAGES = 400
#: Names of their own: kombu remembers bindings for the life of the process.
WORK = "work-of-this-file"


@pytest.fixture
def connection(tmp_path: Path):
    folders = {name: tmp_path / name for name in ("queue", "control", "processed")}
    for folder in folders.values():
        folder.mkdir()
    options = {
        "data_folder_in": str(folders["queue"]),
        "data_folder_out": str(folders["queue"]),
        "control_folder": str(folders["control"]),
        "processed_folder": str(folders["processed"]),
    }
    with Connection("filesystem://", transport_options=options) as connected:
        yield connected


def take_all(connection, taken, until, bound):
    with connection.clone() as mine:
        queue = mine.SimpleQueue(WORK)
        # Kombu rewrites the file of bindings whenever somebody binds: nothing is sent meanwhile.
        bound.wait(timeout=60)
        while not (until.is_set() and not queue.qsize()):
            try:
                message = queue.get(block=False)
            except Empty:
                continue
            taken.append(message.payload["number"])
            message.ack()


def test_every_message_is_read_whole_and_once_while_others_write(connection):
    """Kombu's own transport fails this: its readers meet messages that are half written."""
    taken: list[int] = []
    sent = threading.Event()
    bound = threading.Barrier(4)
    readers = [
        threading.Thread(target=take_all, args=(connection, taken, sent, bound), daemon=True)
        for _ in range(3)
    ]
    for reader in readers:
        reader.start()
    with connection.clone() as mine:
        queue = mine.SimpleQueue(WORK)
        bound.wait(timeout=60)
        for number in range(MESSAGES):
            queue.put({"number": number, "filling": "x" * 5000})
    sent.set()
    for reader in readers:
        reader.join(timeout=60)
        assert not reader.is_alive(), "a reader died or hung"
    assert sorted(taken) == list(range(MESSAGES))


def test_messages_come_in_the_order_they_were_sent_and_leave_nothing_behind(connection, tmp_path):
    # A name of its own: kombu remembers bindings for the life of the process.
    queue = connection.SimpleQueue("order")
    for number in range(20):
        queue.put({"number": number})
    got = []
    for _ in range(20):
        message = queue.get(timeout=5)
        got.append(message.payload["number"])
        message.ack()
    assert got == list(range(20))
    assert not list((tmp_path / "queue").iterdir())
    assert not list((tmp_path / "processed").iterdir())


def test_the_newest_are_kept_of_a_queue_that_nobody_reads(connection, monkeypatch):
    monkeypatch.setattr(file_queue, "MOST_WAITING", 20)
    with (
        connection.SimpleQueue("kept-of-this-file") as queue,
        connection.SimpleQueue("beside-of-this-file") as other,
    ):
        other.put({"number": -1})
        for number in range(50):
            queue.put({"number": number})
        assert queue.qsize() == 20
        assert other.qsize() == 1
        assert [queue.get(block=False).payload["number"] for _ in range(20)] == list(range(30, 50))
