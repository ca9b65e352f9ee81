"""The Celery queues, named in one place: for tasks, workers, health and whoever deploys them.

Imports nothing, so that every layer and every start script may use it. Every task goes to one of these
queues, so every one needs a worker: bin/up starts one for all, compose.yaml one for each. Messages are
only reminders: what is due is kept in Postgres and found there again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

#: Beat's entries: handing out what is due for a poll, keeping history.
DEFAULT: Final = "default"
#: Reads of brokers: polls and inventories. A slow broker holds up a thread here and nothing else.
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
#: Messages that may wait in one queue; a new one takes the place of the oldest. Each is good for a minute
#: at most, so older ones are worth nothing, but neither Redis nor a folder drops them while nobody reads.
MOST_WAITING: Final = 10_000
