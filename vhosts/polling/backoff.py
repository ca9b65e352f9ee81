"""How long a broker is left alone after failures in a row."""

from __future__ import annotations

import zlib
from datetime import timedelta

_MOST_S = 60
_REFUSED_FIRST_S = 60
_REFUSED_MOST_S = 900


def delay(failures: int, *, refused: bool, interval_s: int, salt: int) -> timedelta:
    """Until the next try. Doubling up to 60 s; after a refused log-in from 60 s up to 15 minutes,
    since each further try may lock the account. Never sooner than half an interval, or later than
    an interval longer than those. `salt` spreads brokers that failed together over a fifth of it."""
    step = min(failures, 12) - 1
    if refused:
        seconds: float = min(_REFUSED_FIRST_S * 2**step, _REFUSED_MOST_S)
    else:
        seconds = min(max(interval_s / 2, 5) * 2**step, _MOST_S)
    spread = zlib.crc32(f"{salt}:{failures}".encode()) % 1000 / 1000
    return timedelta(seconds=max(seconds, interval_s / 2) * (0.9 + 0.2 * spread))
