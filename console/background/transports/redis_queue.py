"""Celery's messages in Redis, at most MOST_WAITING in a queue.

Redis keeps an expired message until a worker takes it. A queue that no worker reads would grow
until Redis is full, and then polling stops too. Work whose message is dropped is found in Postgres
and sent again.
"""

from __future__ import annotations

from typing import Any

from kombu.transport import redis

from console.background.queues import MOST_WAITING, QUEUES


class Channel(redis.Channel):
    def _put(self, queue: str, message: Any, **kwargs: Any) -> None:
        if queue in QUEUES:
            with self.conn_or_acquire() as client:
                # The newest message is at the head. Trim before adding: a full Redis refuses the
                # new message, but not the trim.
                client.ltrim(queue, 0, MOST_WAITING - 2)
        super()._put(queue, message, **kwargs)


class Transport(redis.Transport):
    Channel = Channel
