"""How many messages wait in each Celery queue."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import structlog
from celery import current_app

from console.background.queues import QUEUES

log = structlog.get_logger(__name__)

#: Whoever asks whether the console is ready doesn't wait longer for Redis.
_WITHIN_S = 1.0


def read_backlogs() -> dict[str, int | None]:
    """Messages by queue: those that no worker has taken yet. None where the transport can't tell, or
    doesn't answer."""
    try:
        limits = {"socket_connect_timeout": _WITHIN_S, "socket_timeout": _WITHIN_S}
        with current_app.connection_for_read(transport_options=limits) as connection:
            transport = connection.transport
            # Not `connection.channel()`, which tries again after two seconds.
            with closing(transport.create_channel(transport)) as channel:
                return {queue: _size(channel, queue) for queue in QUEUES}
    except Exception as error:
        # Whatever a transport raises: redis, kombu and the file system have each their own.
        log.info("backlog_unknown", error=type(error).__name__)
        return dict.fromkeys(QUEUES)


def _size(channel: Any, queue: str) -> int | None:
    """Kombu's Redis and file transports count without declaring the queue (kombu/transport/virtual)."""
    count = getattr(channel, "_size", None)
    return None if count is None else int(count(queue))
