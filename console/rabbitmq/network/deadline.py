"""A moment on the monotonic clock by which an exchange must end, however slow it is."""

from __future__ import annotations

import time

from console.rabbitmq.errors import TimedOut


class Deadline:
    __slots__ = ("ends", "seconds")

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.ends = time.monotonic() + seconds

    def remaining(self) -> float:
        """Return the seconds left, always more than zero. Raises TimedOut if none are left."""
        left = self.ends - time.monotonic()
        if left <= 0:
            raise TimedOut(f"No complete answer within {self.seconds:g} s.")
        return left

    def at_most(self, seconds: float | None) -> float:
        """Return the smaller of `seconds` and the time left. Raises TimedOut."""
        left = self.remaining()
        return left if seconds is None else min(seconds, left)
