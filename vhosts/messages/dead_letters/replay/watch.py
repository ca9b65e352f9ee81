"""Watch running replays: how many messages come back as dead letters, and stop the job if too many do.

RabbitMQ has no count of dead letters that arrive. While a replay takes messages out of a queue, its depth
falls by what was confirmed; what it lacks of that fall has arrived meanwhile. Other dead letters that arrive
count too, so the number is never too low.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import Q

from console.audit import record
from console.brokers.connect import connect
from console.errors import ConsoleError
from console.rabbitmq.endpoint import Timeouts
from console.rabbitmq.errors import BrokerError
from vhosts.messages.moving.model import MessageJob
from vhosts.models import DeadLetterReplay

log = structlog.get_logger(__name__)

#: How long after its end a replay is watched.
WATCHED = timedelta(minutes=1)
_TIMEOUTS = Timeouts(connect=2.0, read=3.0, total=4.0)
#: With fewer replayed messages, a percentage says nothing.
_LEAST = 10
_MOST = 20


def watch_replays(now: datetime) -> int:
    """Count what came back of each replay that runs or has just ended; return how many were looked at."""
    rows = DeadLetterReplay.objects.filter(Q(watch_until=None) | Q(watch_until__gte=now))
    rows = rows.select_related("job__broker__status").order_by("checked_at", "pk")
    found = list(rows[:_MOST])
    for replay in found:
        _watch(replay, now)
    return len(found)


def _watch(replay: DeadLetterReplay, now: datetime) -> None:
    job = replay.job
    columns = {"checked_at": now}
    if job.has_ended and replay.watch_until is None:
        columns["watch_until"] = (job.ended_at or now) + WATCHED
    again = _again(job)
    if again is not None:
        columns["again"] = again  # type: ignore[assignment]
    DeadLetterReplay.objects.filter(pk=replay.pk).update(**columns)
    if again is None or replay.stop_percent is None or replay.stopped or job.has_ended:
        return
    if job.confirmed >= _LEAST and again * 100 > job.confirmed * replay.stop_percent:
        _stop(replay, again)


def _again(job: MessageJob) -> int | None:
    """Return at most how many replayed messages are back; None if it is unknown."""
    if job.frozen is None:
        return None
    # Counts before depth: what is confirmed in between looks like less, not more.
    removed = job.confirmed + job.deleted
    try:
        with connect(job.broker, timeouts=_TIMEOUTS) as client:
            depth = client.queue_now(job.vhost, job.queue).depth
    except (BrokerError, ConsoleError) as error:
        log.info("replay_not_watched", job=str(job.pk), error=type(error).__name__)
        return None
    if depth.total is None:
        return None
    return max(0, min(depth.total - (job.frozen - removed), removed))


def _stop(replay: DeadLetterReplay, again: int) -> None:
    job = replay.job
    with transaction.atomic():
        running = MessageJob.objects.filter(pk=job.pk).exclude(state__in=MessageJob.ENDED)
        if not running.update(stop_requested=True):
            return
        DeadLetterReplay.objects.filter(pk=replay.pk).update(stopped=True)
        record(
            "message_jobs:stop", target_kind="queue", target=f"{job.vhost} / {job.queue}",
            acting_user=None, broker=job.broker,
            after={"job": str(job.pk), "again": again, "confirmed": job.confirmed},
            reason=f"More than {replay.stop_percent} % came back.",
        )  # fmt: skip
