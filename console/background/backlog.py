"""Count the messages that wait in each Celery queue."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import structlog
from celery import current_app

from console.background.queues import QUEUES

log = structlog.get_logger(__name__)

#: Timeout in seconds for Redis, so that readiness checks don't wait longer.
_WITHIN_S = 1.0


def read_backlogs() -> dict[str, int | None]:
    """Return the number of messages that no worker has taken yet, by queue. None if the transport
    can't report it, or doesn't answer."""
    try:
        limits = {"socket_connect_timeout": _WITHIN_S, "socket_timeout": _WITHIN_S}
        with current_app.connection_for_read(transport_options=limits) as connection:
            transport = connection.transport
            # Not `connection.channel()`, which retries after two seconds.
            with closing(transport.create_channel(transport)) as channel:
                return {queue: _size(channel, queue) for queue in QUEUES}
    except Exception as error:
        # Transports raise different errors: redis, kombu and the file system each have their own.
        log.info("backlog_unknown", error=type(error).__name__)
        return dict.fromkeys(QUEUES)


def _size(channel: Any, queue: str) -> int | None:
    """Kombu's Redis and file transports count without declaring the queue
    (kombu/transport/virtual)."""
    count = getattr(channel, "_size", None)
    return None if count is None else int(count(queue))
