"""Signs of life of processes that nobody waits for."""

from __future__ import annotations

import os
import socket

from django.db import connection


def write_heartbeat(name: str) -> None:
    """A sign of life of this process, at the database's time. `beat`: the scheduler itself;
    `worker`: a worker that does what beat asks for."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO console_heartbeat (name, at, host, pid)"
            " VALUES (%s, clock_timestamp(), %s, %s)"
            " ON CONFLICT (name) DO UPDATE"
            " SET at = excluded.at, host = excluded.host, pid = excluded.pid",
            [name, socket.gethostname(), os.getpid()],
        )
