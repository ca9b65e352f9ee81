"""Celery's messages in Redis, at most MOST_WAITING in a queue.

Redis keeps an expired message until a worker takes it out. A queue that no worker reads would grow until
Redis is full, and then polling stops too. What is dropped is found in Postgres and sent again.
"""

from __future__ import annotations

from typing import Any

from kombu.transport import redis

from console.background.queues import MOST_WAITING, QUEUES


class Channel(redis.Channel):
    def _put(self, queue: str, message: Any, **kwargs: Any) -> None:
        if queue in QUEUES:
            with self.conn_or_acquire() as client:
                # The newest is at the head. First the room, then the message: a Redis that is full
                # already refuses the message, but not this.
                client.ltrim(queue, 0, MOST_WAITING - 2)
        super()._put(queue, message, **kwargs)


class Transport(redis.Transport):
    Channel = Channel
