"""The names of the Celery queues, for tasks, workers, health checks and deployments.

Imports nothing, so that every layer and start script can use it. Every task goes to one of these
queues, so each needs a worker: bin/up starts one for all, compose.yaml one for each. Messages are
only reminders: what is due is stored in Postgres and found there again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

#: Beat's entries: dispatching due polls, keeping history.
DEFAULT: Final = "default"
#: Reads of brokers: polls and inventories. A slow broker only blocks a thread here.
POLLING: Final = "polling"
#: Writes to brokers: steps of changes, backups of definitions.
APPLY: Final = "apply"
QUEUES: Final = (DEFAULT, POLLING, APPLY)
#: What stops while no worker consumes a queue.
WITHOUT: Final[Mapping[str, str]] = {
    DEFAULT: "No polls are handed out, and history isn't kept.",
    POLLING: "No broker is polled.",
    APPLY: "No change is applied, and no backup is taken.",
}
#: Most messages that may wait in one queue; a new one replaces the oldest. Each is useful for at
#: most a minute, but neither Redis nor a folder drops old messages while nobody reads them.
MOST_WAITING: Final = 10_000
