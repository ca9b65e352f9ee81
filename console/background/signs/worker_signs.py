"""A worker's sign of life: its loop runs, and one of its threads is free."""

from __future__ import annotations

import time
from typing import Any

from celery import bootsteps

from console.background.signs.alive import EVERY_S, WORKER, Signs


class SignsOfLife(bootsteps.StartStopStep):  # type: ignore[misc]
    """Write signs of life from the consumer's own loop, so that a worker that is frozen, or waits
    for a lost connection, writes none. To check for a free thread, it gives the pool a job that
    does nothing.
    """

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **kwargs: Any) -> None:
        super().__init__(consumer, **kwargs)
        self._signs: Signs | None = None
        self._timer: Any = None
        self._asked = False

    def start(self, consumer: Any) -> None:
        queues = [queue.name for queue in consumer.task_consumer.queues]
        self._signs = Signs(WORKER, queues)
        self._asked = False
        self._sign(consumer)
        # The timer may run in its own thread, so the loop writes the sign.
        self._timer = consumer.timer.call_repeatedly(
            EVERY_S, consumer.call_soon, (self._sign, consumer)
        )

    def stop(self, consumer: Any) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def terminate(self, consumer: Any) -> None:
        self.stop(consumer)

    def shutdown(self, consumer: Any) -> None:
        self.stop(consumer)
        if self._signs is not None:
            self._signs.end()

    def _sign(self, consumer: Any) -> None:
        if self._signs is None:
            return
        self._signs.write()
        if not self._asked:
            self._asked = True
            consumer.pool.apply_async(time.monotonic, (), {}, callback=self._is_free)

    def _is_free(self, at: float) -> None:
        self._asked = False
        if self._signs is not None:
            self._signs.free_at = at
