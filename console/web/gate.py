"""Limit how many requests a process works on at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

#: Share of a core above which the process counts as computing rather than waiting, and how many
#: requests it then works on at once. More would only take longer all together, because they share
#: one core.
BUSY_SHARE, MOST_BUSY = 0.4, 3
#: Seconds over which that share is measured.
_WINDOW_S = 0.2


class Gate:
    """Admit as many requests as there are threads while they wait for Postgres and brokers, and few
    while they compute."""

    def __init__(self, most: int, cpu_s: Callable[[], float] = time.process_time) -> None:
        self._most, self._cpu_s = most, cpu_s
        self._running = 0
        self._limit = most
        self._changed = threading.Condition()
        self._measured_at, self._cpu_then = time.monotonic(), cpu_s()

    def enter(self, until: float) -> bool:
        """Wait until `until` (monotonic clock) and return whether the caller may work. If so, it
        must call `leave`."""
        with self._changed:
            while self._running >= self._measure():
                left = until - time.monotonic()
                if left <= 0:
                    return False
                self._changed.wait(min(left, _WINDOW_S))
            self._running += 1
            return True

    def leave(self) -> None:
        with self._changed:
            self._running -= 1
            self._changed.notify()

    def _measure(self) -> int:
        now = time.monotonic()
        passed = now - self._measured_at
        if passed >= _WINDOW_S:
            cpu = self._cpu_s()
            is_busy = cpu - self._cpu_then > BUSY_SHARE * passed
            self._limit = min(MOST_BUSY, self._most) if is_busy else self._most
            self._measured_at, self._cpu_then = now, cpu
        return self._limit
