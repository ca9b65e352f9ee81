"""The Celery queues, named in one place: for routes, workers, health and whoever deploys them.

Imports nothing, so that every layer and every start script may use it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

DEFAULT: Final = "default"
POLLING: Final = "polling"
APPLY: Final = "apply"
#: Every queue needs a worker that consumes it.
QUEUES: Final = (DEFAULT, POLLING, APPLY)
#: What stops while no worker consumes a queue.
WITHOUT: Final[Mapping[str, str]] = {
    DEFAULT: "No polls are handed out, and history isn't kept.",
    POLLING: "No broker is polled.",
    APPLY: "No change is applied, and no backup is taken.",
}
