"""Beat: the static schedule of console.celery, kept in memory, with a sign of life in Postgres."""

from __future__ import annotations

import time
from typing import Any

import structlog
from celery.beat import Scheduler
from django.db import DatabaseError, close_old_connections

from console.heartbeats import write_heartbeat

log = structlog.get_logger(__name__)

_EVERY_S = 5.0


class BeatScheduler(Scheduler):  # type: ignore[misc]
    """No schedule file: every entry is static and due-ness is kept in Postgres, so there is nothing
    to remember over a restart. Writes Heartbeat `beat` from the beat process itself, so that health
    tells a dead beat from a dead worker. Trouble with Postgres never stops it from ticking."""

    _next_sign = 0.0

    def tick(self, *args: Any, **kwargs: Any) -> float:
        if time.monotonic() >= self._next_sign:
            self._next_sign = time.monotonic() + _EVERY_S
            self._give_sign()
        wait: float = super().tick(*args, **kwargs)
        return min(wait, _EVERY_S)

    def _give_sign(self) -> None:
        try:
            close_old_connections()
            write_heartbeat("beat")
        except DatabaseError:
            log.warning("beat_cannot_reach_postgres")
