"""Pause between polls after consecutive failures."""

from __future__ import annotations

import zlib
from datetime import timedelta

_MOST_S = 60
_REFUSED_FIRST_S = 60
_REFUSED_MOST_S = 900


def delay(failures: int, *, refused: bool, interval_s: int, salt: int) -> timedelta:
    """Return the time until the next poll of a broker after `failures` consecutive failures.

    The pause doubles up to 60 s. If RabbitMQ refused the credentials (`refused`), it starts at 60
    s and doubles up to 15 minutes, because each retry may lock the account. It is at least half of
    `interval_s`. `salt` varies it by ±10 %, so that brokers that failed together don't retry
    together.
    """
    step = min(failures, 12) - 1
    if refused:
        seconds: float = min(_REFUSED_FIRST_S * 2**step, _REFUSED_MOST_S)
    else:
        seconds = min(max(interval_s / 2, 5) * 2**step, _MOST_S)
    spread = zlib.crc32(f"{salt}:{failures}".encode()) % 1000 / 1000
    return timedelta(seconds=max(seconds, interval_s / 2) * (0.9 + 0.2 * spread))
