"""Select due steps and begin them, in one short transaction before anything is sent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import connection, transaction

from console.engine.lease import Lease, still_held
from console.engine.order import next_candidates
from console.engine.ports import AUTHORIZE
from console.engine.proposals.token import why_withdrawn
from console.engine.steps.settle import move_targets, settle_changes, store_alike
from console.engine.steps.stop import STOPPED_BEFORE_SENDING
from console.models import (
    OPEN_STEPS,
    Attempt,
    Broker,
    Change,
    ChangeState,
    ManagedObject,
    Step,
    StepState,
    Sync,
)

#: Most steps begun together.
BATCH = 1500
STOPPED_AFTER_SENDING = (
    "Stopped after it was sent at least once. The broker doesn't have it now; nothing more is sent."
)
ENDED_WITH_ITS_WORKER = (
    "The console's worker ended before RabbitMQ's reply was stored, so RabbitMQ may or may not have "
    "done it. It isn't repeated. Look at the object, then request it again if it is still needed."
)
#: The outcome of an attempt that sent nothing.
NOT_SENT = "unreachable"


def any_due(broker: Broker, *, now: datetime) -> bool:
    return Step.objects.filter(broker=broker, state__in=OPEN_STEPS, next_at__lte=now).exists()


def start_batch(
    broker: Broker, lease: Lease, *, now: datetime, behind: list[Step] | None = None
) -> list[Step] | None:
    """Return the next due steps of one change and kind; None if nothing is due.

    The attempt of each step is stored before anything is sent. Steps that can't begin end here:
    superseded, no longer allowed, or too late. `behind` is a batch that isn't recorded yet: then
    only steps of its change and kind that don't depend on it are returned.
    """
    while True:
        with transaction.atomic():
            if not still_held(lease):
                return None
            candidates = next_candidates(broker, now=now, behind=behind, most=BATCH)
            if not candidates:
                return None
            batch = _weed(candidates, now)
            if batch:
                _begin(batch, lease, now)
                return batch
            settle_changes({step.change_id for step in candidates}, now)


def _weed(candidates: list[Step], now: datetime) -> list[Step]:
    may = AUTHORIZE.ask
    author, broker = candidates[0].change.author, candidates[0].broker
    withdrawn = why_withdrawn(candidates[0].change, author, now)
    batch: list[Step] = []
    _tell_what_was_sent(candidates)
    for step in candidates:
        target = step.target
        if step.is_act and step.sent_before:
            _end(step, StepState.UNKNOWN, now, "unknown", ENDED_WITH_ITS_WORKER)
        elif not step.is_act and step.generation != target.generation:
            _end(step, StepState.SUPERSEDED, now, "superseded", "Replaced by a newer change.")
        elif step.change.stop_requested_at is not None:
            if step.unsure:
                step.only_look, step.stopped = STOPPED_AFTER_SENDING, True
                batch.append(step)
                continue
            _end(step, StepState.STOPPED, now, "stopped", STOPPED_BEFORE_SENDING)
            move_targets([step], Sync.REJECTED, step.error_detail, now)
        elif withdrawn or not may(author, step.permission, broker, target.kind, target.key):
            reason = withdrawn or _why_not_allowed(step)
            if step.unsure:
                # What was sent while it was allowed may be on the broker, so look first.
                step.only_look = reason
                batch.append(step)
                continue
            _end(step, StepState.REJECTED, now, "not_allowed", reason)
            move_targets([step], Sync.REJECTED, step.error_detail, now)
        elif step.not_after is not None and not step.sent_before and now > step.not_after:
            _end(
                step,
                StepState.NEEDS_CONFIRMATION,
                now,
                "too_late",
                f"The broker couldn't be reached within an hour. Confirm this {_noun(step)} again.",
            )
            move_targets([step], Sync.NEEDS_CONFIRMATION, step.error_detail, now)
        else:
            batch.append(step)
    return batch


def _tell_what_was_sent(steps: Sequence[Step]) -> None:
    """Set `sent_before`, and `unsure` if the last attempt that sent something may have been carried
    out: its answer was lost, its process died, or the broker failed meanwhile."""
    tried = [step.pk for step in steps if step.attempts]
    last: dict[int, Attempt] = {}
    unsent: dict[int, int] = {}
    for attempt in Attempt.objects.filter(step__in=tried).order_by("number").defer("detail"):
        if attempt.outcome == NOT_SENT:
            unsent[attempt.step_id] = unsent.get(attempt.step_id, 0) + 1
        else:
            last[attempt.step_id] = attempt
    for step in steps:
        step.sent_before = step.attempts > unsent.get(step.pk, 0)
        found = last.get(step.pk)
        step.unsure = found is not None and (
            found.outcome in ("", "unknown") or (found.http_status or 0) >= 500
        )


def _noun(step: Step) -> str:
    return step.op if step.is_act else "deletion"


def _why_not_allowed(step: Step) -> str:
    whose = step.change.author_name
    if step.change.token_id_then is not None:
        whose += ", through the API token used for this request,"
    return f"{whose} no longer has the right to do this ({step.permission})."


def _end(step: Step, state: StepState, now: datetime, code: str, detail: str) -> None:
    step.state, step.finished_at = state, now
    step.error_code, step.error_detail = code, detail
    step.secrets_encrypted = ""
    step.save(
        update_fields=["state", "finished_at", "error_code", "error_detail", "secrets_encrypted"]
    )


def _begin(batch: list[Step], lease: Lease, now: datetime) -> None:
    for step in batch:
        step.attempts += 1
        step.state = StepState.VERIFYING
    store_alike(batch, ("attempts", "state"))
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO console_attempt (step_id, number, fence, started_at, outcome, detail)
            SELECT id, attempts, %s, %s, '', '' FROM console_step WHERE id = ANY(%s) ORDER BY id
            """,
            [lease.fence, now, [step.pk for step in batch]],
        )
    ManagedObject.objects.filter(
        pk__in=[step.target_id for step in batch if not step.is_act]
    ).update(sync=Sync.APPLYING, updated_at=now)
    Change.objects.filter(pk=batch[0].change_id).update(state=ChangeState.APPLYING)
