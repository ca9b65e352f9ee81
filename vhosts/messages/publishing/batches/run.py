"""Send the lines of a file, one after the other, each at most once.

Before a line is sent, one transaction stores the outcome of the line before it, renews the lease and
marks the new line as *sending*. So a worker that dies leaves exactly one line of which nobody knows
whether it arrived; the next worker ends it as *unknown* and continues behind it. A worker that wakes up
late has lost its lease and sends nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accessctl.authorize import limit_to_token, may
from accessctl.rights import Permission
from console.engine.stopping import stopping
from console.errors import ConsoleError, InvalidField
from console.models import Broker
from console.rabbitmq.amqp.connection import connected
from console.rabbitmq.amqp.publish import Outcome, Sender
from console.rabbitmq.endpoint import Timeouts
from console.rabbitmq.errors import BrokerError
from console.rabbitmq.network.deadline import Deadline
from vhosts.definitions.model import unsealed
from vhosts.messages.publishing.batches.model import (
    LEASE,
    BatchState,
    LineState,
    PublishBatch,
    PublishLine,
)
from vhosts.messages.publishing.batches.read import read_line
from vhosts.messages.publishing.batches.service import KEPT_FOR, notify, record_end
from vhosts.messages.publishing.model import ABANDONED_AFTER, PublishRequest, PublishState
from vhosts.messages.publishing.send import STOPPED_AFTER, settle_abandoned
from vhosts.messages.publishing.where import Place, TargetCheck, amqp_of, refuse_if_not_now

#: A connection is used for a page of lines, so that rights and the broker are checked again in
#: between. It ends before the lease does.
_PAGE = 100
_TIMEOUTS = Timeouts(connect=3.0, read=8.0, total=45.0)
#: Seconds of the connection that a line needs to begin.
_LEAST_LEFT_S = 15.0
_SETTLED_AT_ONCE = 100
_LOST = "The connection was lost, so the outcome of line {number:,} is unknown."


class _Interrupted(Exception):
    """Something is in the way; the message is a sentence."""


def send_batch(batch_id: UUID) -> None:
    """Send the lines that weren't sent yet, unless another worker does."""
    lease = uuid4()
    batch = _claim(batch_id, lease)
    if batch is None:
        return
    try:
        while not stopping():
            page = list(_waiting(batch)[:_PAGE])
            if not page:
                _end(batch, BatchState.DONE, "")
                return
            if not _send_page(batch, page):
                return  # stopped by somebody, or another worker has it
    except _Interrupted as error:
        _end(batch, BatchState.INTERRUPTED, str(error))
    finally:
        PublishBatch.objects.filter(pk=batch.pk, lease=lease).update(lease=None, leased_until=None)


def due_batches(now: datetime) -> Iterator[UUID]:
    """Yield the batches that wait for a worker."""
    free = Q(lease=None) | Q(leased_until__lt=now)
    open_ = Q(state__in=(BatchState.WAITING, BatchState.RUNNING))
    yield from PublishBatch.objects.filter(open_ & free).values_list("pk", flat=True)


def announce_due(now: datetime) -> None:
    for batch_id in due_batches(now):
        notify(batch_id)


def settle_old(now: datetime) -> None:
    """End what dead processes left, and delete requests and files that are past their time."""
    open_ = (PublishState.ACCEPTED, PublishState.SENDING)
    left = PublishRequest.objects.filter(state__in=open_, created_at__lt=now - ABANDONED_AFTER)
    for request in left.select_related("broker")[:_SETTLED_AT_ONCE]:
        settle_abandoned(request, now)
    _unknown(PublishLine.objects.filter(
        Q(batch__lease=None) | Q(batch__leased_until__lt=now),
        batch__state__in=(BatchState.STOPPED, BatchState.INTERRUPTED),
    ))  # fmt: skip
    PublishRequest.objects.filter(created_at__lt=now - KEPT_FOR).exclude(state__in=open_).delete()
    running = (BatchState.WAITING, BatchState.RUNNING)
    PublishBatch.objects.filter(created_at__lt=now - KEPT_FOR).exclude(state__in=running).delete()


def _claim(batch_id: UUID, lease: UUID) -> PublishBatch | None:
    now = timezone.now()
    with transaction.atomic():
        due = PublishBatch.objects.filter(
            Q(lease=None) | Q(leased_until__lt=now),
            pk=batch_id, state__in=(BatchState.WAITING, BatchState.RUNNING),
        )  # fmt: skip
        if not due.update(lease=lease, leased_until=now + LEASE, state=BatchState.RUNNING):
            return None
        _unknown(PublishLine.objects.filter(batch=batch_id))
    return PublishBatch.objects.select_related("broker__status", "author").get(pk=batch_id)


def _unknown(lines: Any) -> None:
    """End the lines that a dead worker had begun to send."""
    lines.filter(state=LineState.SENDING).update(
        state=LineState.UNKNOWN, text=STOPPED_AFTER, content_encrypted=""
    )


def _waiting(batch: PublishBatch) -> Any:
    return PublishLine.objects.filter(batch=batch, state=LineState.WAITING).order_by("number")


def _send_page(batch: PublishBatch, page: list[PublishLine]) -> bool:
    """Send lines over one connection; return whether the batch is still this worker's. Raises
    _Interrupted."""
    place = _still_allowed(batch)
    check = TargetCheck(place)
    deadline = Deadline(_TIMEOUTS.total)
    done: tuple[PublishLine, Outcome] | None = None
    sent_one = False
    try:
        endpoint = amqp_of(place, _TIMEOUTS)
        with connected(endpoint, deadline) as connection:
            sender = Sender(connection, endpoint.host)
            for line in page:
                if deadline.remaining() < _LEAST_LEFT_S or stopping():
                    break
                sender.prepare()
                try:
                    draft = read_line(unsealed(line.content_encrypted), line.exchange)
                except InvalidField as error:
                    raise _Interrupted(f"Line {line.number:,}: {error.message}") from None
                properties = draft.wire()
                refusal = sender.too_large(properties)
                begun, done = _begin(batch, line, done), None
                if not begun:
                    return False
                if refusal:
                    done = line, Outcome("refused", None, refusal)
                    continue
                outcome = sender.send(
                    draft.exchange,
                    draft.routing_key,
                    properties,
                    draft.body,
                    mandatory=not check.holds(draft),
                )
                done, sent_one = (line, outcome), True
                if outcome.state == "unknown" or sender.broken:
                    raise _Interrupted(_LOST.format(number=line.number))
    except BrokerError as error:
        # After lines were sent, the next page tries once more with a new connection.
        if not sent_one:
            raise _Interrupted(f"{error.summary} {error.detail}".strip()) from None
    except ConsoleError as error:
        raise _Interrupted(error.message) from None
    finally:
        if done is not None:
            _store(*done)
    return True


def _still_allowed(batch: PublishBatch) -> Place:
    """Return where it is sent, if its author may still publish there. Raises _Interrupted."""
    broker = Broker.objects.select_related("status").get(pk=batch.broker_id)
    # Read again: rights are kept with the object.
    author = User.objects.filter(pk=batch.author_id).first() if batch.author_id else None
    if author is None or not author.is_active:
        raise _Interrupted("The account of its author was disabled or deleted.")
    token = batch.token_id_then
    if token is not None and (reason := limit_to_token(author, token, timezone.now())):
        raise _Interrupted(reason)
    if not may(author, Permission.MESSAGES_PUBLISH, broker, batch.vhost):
        raise _Interrupted("Its author may not publish here any more.")
    try:
        refuse_if_not_now(broker)
    except ConsoleError as error:
        raise _Interrupted(error.message) from None
    return Place(broker, batch.vhost)


def _begin(
    batch: PublishBatch, line: PublishLine, done: tuple[PublishLine, Outcome] | None
) -> bool:
    """Store the outcome of the line before, and that this one is being sent. False if the batch was
    stopped or belongs to another worker; the outcome is stored all the same."""
    with transaction.atomic():
        mine = PublishBatch.objects.filter(pk=batch.pk, state=BatchState.RUNNING, lease=batch.lease)
        still = mine.update(leased_until=timezone.now() + LEASE)
        if done is not None:
            _store(*done)
        if not still:
            return False
        waiting = PublishLine.objects.filter(pk=line.pk, state=LineState.WAITING)
        return bool(waiting.update(state=LineState.SENDING))


def _store(line: PublishLine, outcome: Outcome) -> None:
    PublishLine.objects.filter(pk=line.pk, state=LineState.SENDING).update(
        state=outcome.state, code=outcome.code, text=outcome.text, content_encrypted=""
    )


def _end(batch: PublishBatch, state: BatchState, problem: str) -> None:
    with transaction.atomic(), suppress(PublishBatch.DoesNotExist):
        mine = PublishBatch.objects.filter(pk=batch.pk, state=BatchState.RUNNING, lease=batch.lease)
        if mine.update(state=state, problem=problem, ended_at=timezone.now()):
            batch.refresh_from_db()
            record_end(batch)
