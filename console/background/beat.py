"""Beat: the static schedule of console.background.jobs, kept in memory, with signs of life."""

from __future__ import annotations

import time
from typing import Any

import structlog
from celery.beat import Scheduler
from django.db import DatabaseError, close_old_connections

from console.background.job_runs import expect_all
from console.background.queues import QUEUES
from console.background.signs.alive import BEAT, EVERY_S, Signs
from console.background.signs.heartbeats import write_heartbeat

log = structlog.get_logger(__name__)

#: Seconds after which a sign-of-life message is dropped: the queue's worker is too far behind.
_EXPIRES_S = 30


class BeatScheduler(Scheduler):  # type: ignore[misc]
    """Beat without a schedule file. Every entry is static and due times are stored in Postgres, so
    nothing has to survive a restart.

    Every EVERY_S seconds it writes a sign of life to a file of this machine, writes the heartbeat
    `beat`, and sends a sign-of-life message to each queue. So health checks can tell a dead beat
    from a dead worker, and the worker of one queue from another's. Trouble with Postgres or the
    queue doesn't stop it.
    """

    _next_sign = 0.0
    _signs: Signs | None = None
    _expected = False

    def tick(self, *args: Any, **kwargs: Any) -> float:
        if time.monotonic() >= self._next_sign:
            self._next_sign = time.monotonic() + EVERY_S
            self._give_signs()
        wait: float = super().tick(*args, **kwargs)
        return min(wait, EVERY_S)

    def _give_signs(self) -> None:
        self._signs = self._signs or Signs(BEAT)
        self._signs.write()
        try:
            close_old_connections()
            write_heartbeat(BEAT)
            if not self._expected:
                expect_all()
                self._expected = True
        except DatabaseError:
            log.warning("beat_cannot_reach_postgres")
        try:
            for queue in QUEUES:
                self.send_task(
                    "console.engine.tasks.sign_of_life",
                    [queue],
                    queue=queue,
                    expires=_EXPIRES_S,
                    producer=self.producer,
                    retry=False,
                )
        except Exception as error:
            # Whatever the transport raises: the entries of the schedule have the same trouble.
            log.warning("beat_cannot_reach_queues", error=type(error).__name__)
