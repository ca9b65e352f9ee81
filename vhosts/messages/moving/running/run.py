"""Run a job in a worker: judge its author's rights again, connect, transfer, and say how it ended."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta

import structlog
from django.contrib.auth.models import User
from django.http import Http404
from django.utils import timezone

from accessctl.authorize import limit_to_token
from console.errors import ConsoleError
from console.rabbitmq.amqp.connection import connected
from console.rabbitmq.amqp.reading.stream_end import end_of_stream
from console.rabbitmq.amqp.transfer import Sink, Source
from console.rabbitmq.endpoint import AmqpEndpoint
from console.rabbitmq.errors import BrokerError
from console.rabbitmq.network.deadline import Deadline
from vhosts.messages.moving.model import MessageJob
from vhosts.messages.moving.places import Mode
from vhosts.messages.moving.rights import missing_right, places_of
from vhosts.messages.moving.running.choice import Choice
from vhosts.messages.moving.running.endpoint import messages_endpoint
from vhosts.messages.moving.running.progress import LeaseLost, Progress
from vhosts.messages.moving.running.transfer import Ended, Transfer
from vhosts.messages.moving.wear import Wear
from vhosts.models import Queue

log = structlog.get_logger(__name__)

#: The longest that one run keeps its connections.
LONGEST_S = 24 * 3600.0
#: Seconds until an interrupted job is tried again; the last one repeats.
_BACKOFF = (1, 2, 5, 10, 30, 60)
_DOWN = ("down or inaccessible", "stopped by supervisor", "timeout")
_JUDGED_AGAIN_S = 10.0
State = MessageJob.State


def run_job(job_id: str, owner: str, at: Callable[[str], None] = lambda point: None) -> None:
    """Run a job if it is due and nobody else does. `at`: see Transfer. Never raises for trouble of
    a broker."""
    progress = Progress.take(job_id, owner)
    if progress is None:
        return
    try:
        ended = _run(progress, at)
        if ended.state is None:
            progress.release()
        else:
            progress.end(ended.state, ended.note, timezone.now())
    except LeaseLost:
        log.info("message_job_lost", job=job_id)
    except BrokerError as error:
        _interrupted(progress, error)


def _run(progress: Progress, at: Callable[[str], None]) -> Ended:
    job = progress.job
    if job.stop_requested:
        return Ended(State.STOPPED)
    if job.pause_requested:
        return Ended(State.PAUSED)
    if why := _why_not(job):
        return Ended(State.FAILED, why)
    try:
        source_at = messages_endpoint(job.broker, job.vhost)
        target_at = None
        if job.target_broker is not None:
            target_at = messages_endpoint(job.target_broker, job.target_vhost)
    except ConsoleError as error:
        return Ended(State.FAILED, error.message)
    return _connected(progress, source_at, target_at, at)


def _connected(
    progress: Progress,
    source_at: AmqpEndpoint,
    target_at: AmqpEndpoint | None,
    at: Callable[[str], None],
) -> Ended:
    job = progress.job
    row = _row(job)
    stream = row is not None and row.type == "stream"
    if stream and job.mode != Mode.COPY:
        return Ended(State.FAILED, "Messages can't be taken out of a stream. Copy them instead.")
    wear = Wear(job, row, timezone.now())
    if why := wear.why_not():
        return Ended(State.FAILED, why)
    with ExitStack() as stack:
        source = Source(stack.enter_context(connected(source_at, Deadline(LONGEST_S))), job.queue)
        sink = None
        if target_at is not None:
            sink = Sink(stack.enter_context(connected(target_at, Deadline(LONGEST_S))))
            if job.target_exchange and not sink.has_exchange(job.target_exchange):
                return Ended(State.FAILED, f"The target has no exchange {job.target_exchange}.")
        end = _begin(progress, source, source_at, stream=stream)
        assert job.author is not None  # noqa: S101 – judged above
        try:
            choice = Choice(progress, job.author, stream=stream, end=end)
        except Http404:
            return Ended(State.FAILED, "You can't see the messages of this queue any more.")
        transfer = Transfer(
            progress,
            choice,
            source,
            sink,
            username=target_at.credentials.username if target_at else "",
            stream=stream,
            bears=wear.bears,
            allowed=_judging(job),
            at=at,
        )
        wear.note()
        try:
            ended = transfer.run()
        except LeaseLost:
            raise
        except Exception:
            if source.is_open:
                transfer.rescue()
            raise
        wear.note(transfer.highest)
        return ended


def _begin(
    progress: Progress, source: Source, source_at: AmqpEndpoint, *, stream: bool
) -> int | None:
    """Freeze how many messages the job covers, once. Return the end of a stream; None of a queue."""
    job = progress.job
    if not stream:
        if job.frozen is None:
            progress.begin(frozen=source.count()[0], note="")
        else:
            progress.begin(note="")
        return None
    if job.frozen is None:
        with connected(source_at) as connection:
            first, end = end_of_stream(connection, job.queue)
        progress.begin(
            frozen=end - first, offset=first, note="", selection={**job.selection, "end": end}
        )
    else:
        progress.begin(note="")
    return int(job.selection["end"])


def _row(job: MessageJob) -> Queue | None:
    rows = Queue.objects.present().select_related("broker__status")
    return rows.filter(broker=job.broker, vhost=job.vhost, name=job.queue).first()


def _why_not(job: MessageJob) -> str:
    """Return why the job isn't allowed now, in one sentence; "" if it is."""
    user = User.objects.filter(pk=job.author_id).first() if job.author_id else None
    if user is None:
        return f"The account of {job.author_name} was deleted."
    if job.token_id_then is not None and (
        why := limit_to_token(user, job.token_id_then, timezone.now())
    ):
        return why
    source, target = places_of(job)
    if not source.broker.enabled or (target is not None and not target.broker.enabled):
        return "The broker is disabled in the console."
    if (missing := missing_right(user, source, target, job.mode)) is not None:
        return f"{job.author_name} isn't allowed to do this at the {missing[1]} any more (requires {missing[0]})."
    job.author = user
    return ""


def _judging(job: MessageJob) -> Callable[[], str]:
    """Return a function that judges the author's rights again, at most every few seconds."""
    judged = time.monotonic()

    def allowed() -> str:
        nonlocal judged
        if time.monotonic() - judged < _JUDGED_AGAIN_S:
            return ""
        judged = time.monotonic()
        again = (
            MessageJob.objects.select_related("broker", "target_broker").filter(pk=job.pk).first()
        )
        return _why_not(again) if again is not None else "The job was deleted."

    return allowed


def _is_down(error: BrokerError) -> bool:
    """Return whether the broker says "not found" of a queue that it only can't serve now."""
    return any(text in error.detail for text in _DOWN)


def _interrupted(progress: Progress, error: BrokerError) -> None:
    """Try again later, or end the job if that is of no use."""
    try:
        if not error.retryable and not _is_down(error):
            progress.end(State.FAILED, f"{error.summary} {error.detail}".strip(), timezone.now())
            return
        number = min(progress.job.interruptions, len(_BACKOFF) - 1)
        wait = timedelta(seconds=_BACKOFF[number])
        progress.wait(f"{error.summary} {error.detail}".strip(), timezone.now() + wait)
    except LeaseLost:
        log.info("message_job_lost", job=str(progress.job.pk))
