"""Heartbeats in Postgres of background processes: beat and the queues' workers."""

from __future__ import annotations

import os
import socket
from datetime import timedelta

from django.db import connection

#: Beat writes a heartbeat every EVERY_S, and sends a sign-of-life message to each queue as often
#: (console.background.beat).
BEAT_LATE = timedelta(seconds=30)
QUEUE_LATE = timedelta(seconds=45)


def queue_heartbeat(queue: str) -> str:
    """Return the name of the heartbeat that a worker writes for a queue it consumes."""
    return f"queue.{queue}"


def write_heartbeat(name: str) -> None:
    """Store a sign of life of this process, at the database's time. `beat` is the scheduler itself;
    `queue.polling` a worker that took a message from that queue."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO console_heartbeat (name, at, host, pid)"
            " VALUES (%s, clock_timestamp(), %s, %s)"
            " ON CONFLICT (name) DO UPDATE"
            " SET at = excluded.at, host = excluded.host, pid = excluded.pid",
            [name, socket.gethostname(), os.getpid()],
        )
