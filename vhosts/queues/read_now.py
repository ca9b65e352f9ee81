"""Read one queue live from its broker (console.brokers.fresh)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from console.brokers.fresh import Trouble, read_fresh
from console.rabbitmq.types import Binding, Listing, QueueNow
from vhosts.models import Queue
from vhosts.queues.outages import outage_of

_MISSING = "The queue no longer exists on the broker."
_OUT_OF_REACH = "The broker doesn’t report this queue while nodes are down."


@dataclass(frozen=True, slots=True)
class Reading:
    """What the broker reported at `at`, or why it didn't: one of `now`, `bindings`, `trouble` is
    set."""

    at: datetime
    now: QueueNow | None = None
    bindings: Listing[Binding] | None = None
    trouble: Trouble | None = None


def _missing(queue: Queue) -> str:
    """Return what a 404 means: RabbitMQ also returns it for a queue whose node is down."""
    return _OUT_OF_REACH if outage_of(queue, queue.broker.status) else _MISSING


def read_queue_now(queue: Queue, *, now: datetime) -> Reading:
    """Read figures, consumers and effective policy. They may be up to
    console.brokers.fresh.SHARED_FOR old."""
    read = read_fresh(
        f"queue-now-{queue.pk}",
        queue.broker,
        lambda client: client.queue_now(queue.vhost, queue.name),
        now=now,
        missing=_missing(queue),
    )
    return Reading(at=read.at, now=read.found, trouble=read.trouble)


def read_queue_bindings(queue: Queue, *, now: datetime) -> Reading:
    read = read_fresh(
        f"queue-bindings-{queue.pk}",
        queue.broker,
        lambda client: client.queue_bindings(queue.vhost, queue.name),
        now=now,
        missing=_missing(queue),
    )
    return Reading(at=read.at, bindings=read.found, trouble=read.trouble)
