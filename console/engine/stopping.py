"""Whether this process was asked to stop: then no further call of a change begins in it.

Without it a worker would carry a change of thousands of steps to its end first, and be killed meanwhile.
"""

from __future__ import annotations

import threading

_asked = threading.Event()


def stop_soon() -> None:
    _asked.set()


def stopping() -> bool:
    return _asked.is_set()
