"""Record how steps ended, in one short transaction, or not at all if the lease was lost."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Q

from console.engine.applying.attempt import MOST_BROKER_FAILURES
from console.engine.applying.observed import hand_on
from console.engine.applying.outcome import Outcome
from console.engine.applying.retire import retire_dependents
from console.engine.lease import Lease, still_held
from console.engine.steps.begin import NOT_SENT
from console.engine.steps.settle import move_targets, settle_changes, store_alike
from console.models import (
    Attempt,
    BrokerLease,
    BrokerStatus,
    Step,
    StepState,
    Sync,
)
from console.reconcile.definitions.text import why_unreadable
from console.reconcile.disclose import public_spec

#: When to retry a step refused after an attempt of unknown outcome: that refusal isn't final.
ASKED_ONCE_MORE_AFTER = timedelta(seconds=5)
_OUTCOMES = {
    "ok": "ok",
    "unchanged": "unchanged",
    "rejected": "rejected",
    "grown": "rejected",
    "failed": "rejected",
    "trouble": "unknown",
    "done": "ok",
    "unknown": "unknown",
}
#: Outcomes after which the broker has what was requested.
_TOOK = ("ok", "done")


def finish_batch(
    lease: Lease, batch: list[Step], results: dict[int, Outcome], *, now: datetime
) -> bool:
    """Record the outcome of each step. Returns False, with nothing recorded, if the lease was
    lost."""
    with transaction.atomic():
        if not still_held(lease):
            return False
        for step in batch:
            _mark(step, results[step.pk], now)
        store_alike(batch, _OUTCOME_FIELDS)
        _store_before(batch, results)
        _close_attempts(lease, batch, results, now)
        _move_targets(batch, results, now)
        _retire_what_went_with(batch, results, now)
        hand_on(lease.broker_id, batch, results, now)
        settle_changes({step.change_id for step in batch}, now)
        if any(result.state in _TOOK for result in results.values()):
            BrokerLease.objects.filter(broker=lease.broker_id).update(failures=0)
        if any(r.state in ("done", "unknown") for r in results.values()):
            # An act changes figures that polls read.
            BrokerStatus.objects.filter(broker=lease.broker_id).update(next_poll_at=now)
        if any(r.state in (*_TOOK, "unknown") or r.code == "not_allowed" for r in results.values()):
            # Read the broker again soon, so that pages show what was changed, here or elsewhere.
            BrokerStatus.objects.filter(broker=lease.broker_id).update(next_inventory_at=now)
    return True


_OUTCOME_FIELDS = (
    "state", "error_code", "error_detail", "next_at", "finished_at", "secrets_encrypted", "attempts",
    "result",
)  # fmt: skip


def _mark(step: Step, result: Outcome, now: datetime) -> None:
    step.error_code, step.error_detail = result.code, result.detail
    if result.state in ("ok", "unchanged"):
        step.state, step.finished_at, step.secrets_encrypted = StepState.APPLIED, now, ""
    elif result.state == "done":
        step.state, step.finished_at, step.result = StepState.APPLIED, now, result.said
    elif result.state == "unknown":
        step.state, step.finished_at = StepState.UNKNOWN, now
    elif result.state == "rejected" and step.unsure and result.called:
        # An earlier call may still be running on the broker. A second refusal is final.
        step.state, step.next_at = StepState.VERIFYING, now + ASKED_ONCE_MORE_AFTER
    elif result.state == "rejected" and step.stopped:
        step.state, step.finished_at, step.secrets_encrypted = StepState.STOPPED, now, ""
        step.error_code = "stopped"
    elif result.state == "rejected":
        step.state, step.finished_at = StepState.REJECTED, now
        if step.only_look:
            step.secrets_encrypted = ""
    elif result.state == "grown":
        step.state, step.finished_at = StepState.NEEDS_CONFIRMATION, now
        # What the next confirmation is about.
        Step.objects.filter(pk=step.pk).update(guard={**step.guard, **result.contents})
    elif result.state == "failed":
        failed = Q(outcome=_OUTCOMES["failed"]) | Q(outcome=NOT_SENT, http_status__gte=500)
        failures = step.tries.filter(failed).count() + 1
        if failures < MOST_BROKER_FAILURES:
            step.state = _still_open(step, result)
            step.next_at = now + timedelta(seconds=2.0**failures)
        else:
            step.state, step.finished_at = StepState.REJECTED, now
            step.error_detail = f"The broker failed {failures} times: {result.detail}"
    elif result.state == "skipped":
        # Nothing was sent.
        step.state, step.attempts = _still_open(step, result), step.attempts - 1
    else:
        step.state = _still_open(step, result)


def _store_before(batch: list[Step], results: dict[int, Outcome]) -> None:
    """Store the spec that each object had right before the call, where it isn't the one that was
    known when the change was accepted: a revert goes back to it. A retried step keeps the earlier
    one, because its own first call may have changed the object.
    """
    done = {
        step.pk: step for step in batch if results[step.pk].state == "ok" and not step.sent_before
    }
    kind = batch[0].target.kind
    changed: list[Step] = []
    known = Step.objects.filter(pk__in=list(done)).values_list("pk", "before")
    for pk, before in known.iterator():
        now = results[pk].before
        seen = None if now is None else public_spec(kind, now)
        # What Postgres can't store, such as a NUL, isn't kept.
        if seen != before and not why_unreadable(seen):
            done[pk].before = seen
            changed.append(done[pk])
    if changed:
        Step.objects.bulk_update(changed, ["before"], batch_size=200)


def _still_open(step: Step, result: Outcome) -> StepState:
    """*Pending* means that nothing was sent, so the step can be stopped at once."""
    return StepState.VERIFYING if result.called or step.unsure else StepState.PENDING


def _close_attempts(
    lease: Lease, batch: list[Step], results: dict[int, Outcome], now: datetime
) -> None:
    """Close the attempts begun under this lease. One that a dead worker left stays as it is."""
    alike: dict[tuple[str, int | None, str], list[int]] = {}
    for step in batch:
        result = results[step.pk]
        how = (_outcome_of(result), result.http_status, result.detail)
        alike.setdefault(how, []).append(step.pk)
    for (outcome, http_status, detail), ids in alike.items():
        begun = Attempt.objects.filter(step__in=ids, fence=lease.fence, finished_at=None)
        if outcome:
            begun.update(finished_at=now, outcome=outcome, http_status=http_status, detail=detail)
        else:
            begun.delete()


def _outcome_of(result: Outcome) -> str:
    """ "" if no attempt was begun."""
    if result.state == "skipped":
        return ""
    if result.state in ("trouble", "failed") and not result.called:
        return NOT_SENT
    return _OUTCOMES[result.state]


def _move_targets(batch: list[Step], results: dict[int, Outcome], now: datetime) -> None:
    done = [step for step in batch if results[step.pk].state in ("ok", "unchanged")]
    with connection.cursor() as cursor:
        # A later desired state is verified by its own step; that this one was verified is stored
        # anyway.
        cursor.execute(
            """
            UPDATE console_managedobject t
            SET verified_generation = s.generation, verified_at = %(now)s, updated_at = %(now)s
            FROM console_step s
            WHERE s.id = ANY(%(ids)s) AND t.id = s.target_id
              AND t.verified_generation <= s.generation
            """,
            {"now": now, "ids": [step.pk for step in done]},
        )
    move_targets(done, Sync.IN_SYNC, "", now, drift=[], drifted_since=None)
    waiting: dict[tuple[Sync, str], list[Step]] = {}
    for step in batch:
        if step.state == StepState.APPLIED:
            continue
        refused = step.state in (StepState.REJECTED, StepState.STOPPED)
        sync = Sync.REJECTED if refused else Sync.PENDING
        if step.state == StepState.VERIFYING:
            sync = Sync.VERIFYING
        elif step.state == StepState.NEEDS_CONFIRMATION:
            sync = Sync.NEEDS_CONFIRMATION
        waiting.setdefault((sync, step.error_detail), []).append(step)
    for (sync, reason), steps in waiting.items():
        move_targets(steps, sync, reason, now)


def _retire_what_went_with(batch: list[Step], results: dict[int, Outcome], now: datetime) -> None:
    """Retire what depended on the objects that were read back as gone."""
    gone = [
        tuple(step.target.key)
        for step in batch
        if results[step.pk].state in ("ok", "unchanged") and results[step.pk].seen is None
    ]
    if gone:
        retire_dependents(batch[0].broker_id, batch[0].target.kind, gone, now)
