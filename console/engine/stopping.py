"""Whether this process was told to stop. If so, it begins no further call of a change.

Without this, a worker would first finish a change of thousands of steps, and might be killed.
"""

from __future__ import annotations

import threading

_asked = threading.Event()


def stop_soon() -> None:
    _asked.set()


def stopping() -> bool:
    return _asked.is_set()
