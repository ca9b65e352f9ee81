"""The queues that Celery's workers read, in one place.

Every task goes to one of them, so every one needs a worker: bin/up starts one for all, compose.yaml one
for each. Messages are only reminders: what is due is kept in Postgres and found there again.
"""

from __future__ import annotations

#: Beat's entries: handing out what is due for a poll, keeping history.
DEFAULT = "default"
#: Reads of brokers: polls and inventories. A slow broker holds up a thread here and nothing else.
POLLING = "polling"
#: Writes to brokers: steps of changes, backups of definitions. Without a worker every change stays accepted.
APPLY = "apply"

QUEUES = (DEFAULT, POLLING, APPLY)

#: Messages that may wait in one queue; a new one takes the place of the oldest. Each is good for a minute at
#: most, so older ones are worth nothing, but neither Redis nor a folder drops them while nobody reads.
MOST_WAITING = 10_000
