"""Keep a rate limit that may change at any time."""

from __future__ import annotations

import time

#: The allowance that may be saved up, in seconds.
_SAVED_S = 0.25


class Pace:
    """`rate` is messages a second; None: no limit."""

    def __init__(self, rate: int | None) -> None:
        self.rate = rate
        self._saved = 1.0
        self._at = time.monotonic()

    def change(self, rate: int | None) -> None:
        if rate != self.rate:
            self.rate, self._saved, self._at = rate, 1.0, time.monotonic()

    def allowed(self) -> int:
        """Return how many messages may be sent now."""
        if self.rate is None:
            return 1_000_000
        now = time.monotonic()
        most = max(1.0, self.rate * _SAVED_S)
        self._saved = min(most, self._saved + (now - self._at) * self.rate)
        self._at = now
        return int(self._saved)

    def spent(self, count: int) -> None:
        if self.rate is not None:
            self._saved -= count
