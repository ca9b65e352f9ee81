"""When a delivery is tried again. Knows no Django: the sending process uses it too."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

#: Waits after the first, second … failed try; then the last of them, until GIVE_UP_AFTER.
WAITS: Final = tuple(timedelta(seconds=s) for s in (10, 30, 60, 120, 300, 600, 900))
#: A delivery that still fails this long after it was due first is given up.
GIVE_UP_AFTER: Final = timedelta(hours=24)
#: The most that one try may take, in seconds, and the most that storing its result may take.
SEND_S: Final = 20.0
RECORD_S: Final = 40.0
#: How long a delivery stays claimed: nobody sends it twice while one process may still be at it.
LEASE: Final = timedelta(seconds=SEND_S + RECORD_S + 30)


def wait_after(attempts: int) -> timedelta:
    """Return how long to wait after the given number of failed tries (1 or more)."""
    return WAITS[min(attempts, len(WAITS)) - 1]
