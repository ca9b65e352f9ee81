"""The verdict of one queue's page, from what is stored and, once read, from the live figures."""

from __future__ import annotations

from datetime import datetime

from console.rabbitmq.queue_states import DOWN, MINORITY
from console.rabbitmq.types import Consumer, QueueNow
from vhosts.history import read as history
from vhosts.models import Queue
from vhosts.queues.health.conditions import Facts
from vhosts.queues.health.facts import facts_now, facts_of
from vhosts.queues.health.forecast import LOOKS_BACK, STEP_S, Forecast, forecast
from vhosts.queues.health.sources import sources_of
from vhosts.queues.health.verdict import Background, Verdict, verdict
from vhosts.selectors import QueueRow

_STOPPED = (DOWN, MINORITY)


def verdict_of(row: QueueRow, *, now: datetime, live: QueueNow | None = None) -> Verdict | None:
    """Return the verdict; None for a queue that is gone. About six queries."""
    queue = row.queue
    if queue.gone_at is not None:
        return None
    facts = facts_of(queue, now=now)
    if live is not None:
        facts = facts_now(facts, live)
    background = Background(
        outage=row.outage if live is None or facts.ready is None or facts.state in _STOPPED else "",
        last_known=row.last_known,
        unknown_reason=row.unknown_reason,
        sources=sources_of(queue, queue.broker.status),
        incoming=live.incoming if live is not None else {},
        forecast=_forecast(queue, facts, now),
        max_length_bytes=queue.max_length_bytes,
        holding=_prefetch(live.consumers if live is not None else None),
    )
    found = verdict(facts, background, since=queue.condition_since)
    if found.condition != queue.condition:
        # It came about since the last poll.
        return verdict(facts, background)
    return found


def _forecast(queue: Queue, facts: Facts, now: datetime) -> Forecast | None:
    if facts.type == "stream" or facts.max_length is None or facts.ready is None:
        return None
    return forecast_of(queue, facts.max_length, now=now)


def forecast_of(queue: Queue, limit: int, *, now: datetime) -> Forecast:
    """Return when the queue's ready messages reach `limit`, from what polls stored."""
    read = history.series(queue, start=now - LOOKS_BACK, end=now, step_s=STEP_S, now=now)
    return forecast([(point.at.timestamp(), point.ready) for point in read.points], limit)


def _prefetch(consumers: tuple[Consumer, ...] | None) -> int | None:
    """Return how many unacked messages the consumers may hold together; None: unknown or no limit."""
    if not consumers or not all(one.prefetch and one.ack_required for one in consumers):
        return None
    return sum(one.prefetch or 0 for one in consumers)
