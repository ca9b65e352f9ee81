"""Look at the first messages of a queue, by the peek that returns them and guards their delivery limit."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from accessctl.authorize import AnyUser
from console.rabbitmq.amqp.message import Message
from vhosts.messages.peeking.read import read_messages
from vhosts.messages.peeking.turns import PeekRunning
from vhosts.messages.peeking.wanted import Wanted
from vhosts.models import Queue

#: Messages read of one queue.
MOST = 500


@dataclass(frozen=True, slots=True)
class Looked:
    """The messages in the queue's order; `ready` were there in all, None: unknown. `trouble`: why none were
    read, one or two sentences; "" if the queue was read. `cost` says what the look did to the messages."""

    messages: tuple[Message, ...] = ()
    ready: int | None = None
    trouble: str = ""
    cost: tuple[str, ...] = ()


def look(queue: Queue, *, acting_user: AnyUser, now: datetime, how: str) -> Looked:
    """Return up to MOST messages; all are back in the queue. `how` is for the audit log. Broker trouble is
    part of the result. The caller checks rights."""
    try:
        found = read_messages(acting_user, queue, Wanted(count=MOST), now, how)
    except PeekRunning as running:
        return Looked(trouble=running.message)
    if found.trouble is not None:
        return Looked(trouble=f"{found.trouble.sentence} {found.trouble.advice}".strip())
    if found.verdict.refusal:
        return Looked(trouble=found.verdict.refusal)
    ready = None if found.left is None else len(found.messages) + found.left
    return Looked(found.messages, ready, cost=found.verdict.warnings)
