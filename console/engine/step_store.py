"""The book of steps: which are due, which have begun, how they ended. One short transaction each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Count, Exists, F, OuterRef, Q

from console.engine.attempt import MOST_BROKER_FAILURES, Outcome
from console.engine.lease import Lease, still_held
from console.engine.observed import hand_on
from console.engine.order import next_candidates
from console.engine.ports import AUTHORIZE
from console.engine.proposals.token import why_withdrawn
from console.engine.retire import retire_dependents
from console.models import (
    OPEN_CHANGES,
    OPEN_STEPS,
    Attempt,
    Broker,
    BrokerLease,
    BrokerStatus,
    Change,
    ChangeState,
    ManagedObject,
    Step,
    StepState,
    Sync,
)

#: Steps begun together.
BATCH = 1500
#: A refusal after an attempt of unknown outcome is not final at once.
ASKED_ONCE_MORE_AFTER = timedelta(seconds=5)
STOPPED_BEFORE_SENDING = "Stopped before it was sent."
STOPPED_AFTER_SENDING = (
    "Stopped after it was sent at least once. The broker doesn't have it now; nothing more is sent."
)
#: The outcome of an attempt that sent nothing.
NOT_SENT = "unreachable"
_OUTCOMES = {
    "ok": "ok",
    "unchanged": "unchanged",
    "rejected": "rejected",
    "grown": "rejected",
    "failed": "rejected",
    "trouble": "unknown",
}


def any_due(broker: Broker, *, now: datetime) -> bool:
    return Step.objects.filter(broker=broker, state__in=OPEN_STEPS, next_at__lte=now).exists()


def start_batch(
    broker: Broker, lease: Lease, *, now: datetime, behind: list[Step] | None = None
) -> list[Step] | None:
    """The next due steps, of one change and kind, each with its attempt written down before anything
    is sent. Steps whose time is over end here: taken over by a later wish, no longer allowed, too
    late. None: nothing is due. `behind` a batch that is not recorded yet: more of its change and
    kind, which stand on nothing in it."""
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
            settle({step.change_id for step in candidates}, now)


def _weed(candidates: list[Step], now: datetime) -> list[Step]:
    may = AUTHORIZE.ask
    author, broker = candidates[0].change.author, candidates[0].broker
    withdrawn = why_withdrawn(candidates[0].change, author, now)
    batch: list[Step] = []
    _tell_what_was_sent(candidates)
    for step in candidates:
        target = step.target
        if step.generation != step.target.generation:
            _end(step, StepState.SUPERSEDED, now, "superseded", "Replaced by a newer change.")
        elif step.change.stop_requested_at is not None:
            if step.unsure:
                step.only_look, step.stopped = STOPPED_AFTER_SENDING, True
                batch.append(step)
                continue
            _end(step, StepState.STOPPED, now, "stopped", STOPPED_BEFORE_SENDING)
            _move([step], Sync.REJECTED, step.error_detail, now)
        elif withdrawn or not may(author, step.permission, broker, target.kind, target.key):
            reason = withdrawn or _why_not_allowed(step)
            if step.unsure:
                # What was sent while it was allowed may be on the broker: that is looked at first.
                step.only_look = reason
                batch.append(step)
                continue
            _end(step, StepState.REJECTED, now, "not_allowed", reason)
            _move([step], Sync.REJECTED, step.error_detail, now)
        elif step.not_after is not None and not step.sent_before and now > step.not_after:
            _end(
                step,
                StepState.NEEDS_CONFIRMATION,
                now,
                "too_late",
                "The broker couldn't be reached within an hour. Confirm this deletion again.",
            )
            _move([step], Sync.NEEDS_CONFIRMATION, step.error_detail, now)
        else:
            batch.append(step)
    return batch


def _tell_what_was_sent(steps: Sequence[Step]) -> None:
    """Sets `sent_before`, and `unsure` where the last attempt that sent something may have been carried
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
    _store_alike(batch, ("attempts", "state"))
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO console_attempt (step_id, number, fence, started_at, outcome, detail)
            SELECT id, attempts, %s, %s, '', '' FROM console_step WHERE id = ANY(%s) ORDER BY id
            """,
            [lease.fence, now, [step.pk for step in batch]],
        )
    ManagedObject.objects.filter(pk__in=[step.target_id for step in batch]).update(
        sync=Sync.APPLYING, updated_at=now
    )
    Change.objects.filter(pk=batch[0].change_id).update(state=ChangeState.APPLYING)


def finish_batch(
    lease: Lease, batch: list[Step], results: dict[int, Outcome], *, now: datetime
) -> bool:
    """Records how each step came out. False, and nothing recorded, where the lease is lost."""
    with transaction.atomic():
        if not still_held(lease):
            return False
        for step in batch:
            _mark(step, results[step.pk], now)
        _store_alike(batch, _OUTCOME_FIELDS)
        _close_attempts(lease, batch, results, now)
        _move_targets(batch, results, now)
        _retire_what_went_with(batch, results, now)
        hand_on(lease.broker_id, batch, results, now)
        settle({step.change_id for step in batch}, now)
        if any(result.state == "ok" for result in results.values()):
            BrokerLease.objects.filter(broker=lease.broker_id).update(failures=0)
        if any(r.state == "ok" or r.code == "not_allowed" for r in results.values()):
            # What was changed is to be seen on the pages at once, and so is what was changed elsewhere.
            BrokerStatus.objects.filter(broker=lease.broker_id).update(next_inventory_at=now)
    return True


def _store_alike(rows: Sequence[Step], fields: tuple[str, ...]) -> None:
    """Rows of a batch come out in a few ways: one UPDATE for each of them. bulk_update would build a
    CASE of every row and take longer than the broker."""
    alike: dict[tuple[object, ...], list[int]] = {}
    for row in rows:
        alike.setdefault(tuple(getattr(row, name) for name in fields), []).append(row.pk)
    for values, ids in alike.items():
        Step.objects.filter(pk__in=ids).update(**dict(zip(fields, values, strict=True)))


_OUTCOME_FIELDS = (
    "state", "error_code", "error_detail", "next_at", "finished_at", "secrets_encrypted", "attempts",
)  # fmt: skip


def _mark(step: Step, result: Outcome, now: datetime) -> None:
    step.error_code, step.error_detail = result.code, result.detail
    if result.state in ("ok", "unchanged"):
        step.state, step.finished_at, step.secrets_encrypted = StepState.APPLIED, now, ""
    elif result.state == "rejected" and step.unsure and result.called:
        # An earlier call may still be under way there; refused once more, it is.
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
        # What is confirmed next.
        Step.objects.filter(pk=step.pk).update(guard=dict(result.contents))
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


def _still_open(step: Step, result: Outcome) -> StepState:
    """*Pending* says that nothing was sent, so it can be stopped at once."""
    return StepState.VERIFYING if result.called or step.unsure else StepState.PENDING


def _close_attempts(
    lease: Lease, batch: list[Step], results: dict[int, Outcome], now: datetime
) -> None:
    """Those begun under this lease: one that a dead worker left stays as it is."""
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
    """ "" where no attempt was begun."""
    if result.state == "skipped":
        return ""
    if result.state in ("trouble", "failed") and not result.called:
        return NOT_SENT
    return _OUTCOMES[result.state]


def _move_targets(batch: list[Step], results: dict[int, Outcome], now: datetime) -> None:
    done = [step for step in batch if results[step.pk].state in ("ok", "unchanged")]
    with connection.cursor() as cursor:
        # A later wish makes its own way to green; that this one was there is kept all the same.
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
    _move(done, Sync.IN_SYNC, "", now, drift=[], drifted_since=None)
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
        _move(steps, sync, reason, now)


def _retire_what_went_with(batch: list[Step], results: dict[int, Outcome], now: datetime) -> None:
    """What hung on the objects that were read back as gone."""
    gone = [
        tuple(step.target.key)
        for step in batch
        if results[step.pk].state in ("ok", "unchanged") and results[step.pk].seen is None
    ]
    if gone:
        retire_dependents(batch[0].broker_id, batch[0].target.kind, gone, now)


def _move(steps: Sequence[Step], sync: Sync, reason: str, now: datetime, **more: object) -> None:
    """The state of what the steps are about, but where a later wish was made for it meanwhile."""
    same = Step.objects.filter(
        pk__in=[step.pk for step in steps], generation=OuterRef("generation")
    )
    ManagedObject.objects.filter(
        Exists(same.filter(target=OuterRef("pk"))), pk__in=[step.target_id for step in steps]
    ).update(sync=sync, reason=reason, updated_at=now, **more)


def settle(change_ids: Iterable[object], now: datetime) -> None:
    """The state of each change, from its steps."""
    for change in Change.objects.filter(pk__in=list(change_ids)):
        counts = dict(
            Step.objects.filter(change=change)
            .values_list("state")
            .annotate(number=Count("pk"))
            .order_by()
        )
        change.state = _state_of(counts, change)
        change.finished_at = None if change.state in OPEN_CHANGES else now
        change.save(update_fields=["state", "finished_at"])


def _state_of(counts: dict[str, int], change: Change) -> ChangeState:
    if any(counts.get(state) for state in OPEN_STEPS):
        # One that waits does so until a step of it begins again.
        waits = change.state == ChangeState.WAITING
        return ChangeState.WAITING if waits else ChangeState.APPLYING
    if counts.get(StepState.STOPPED) or change.abandoned_steps:
        return ChangeState.STOPPED
    if set(counts) == {StepState.SUPERSEDED}:
        return ChangeState.SUPERSEDED
    if set(counts) <= {StepState.APPLIED}:
        # Done means that every step was read back: one that a later change took over was not.
        return ChangeState.DONE
    return ChangeState.PARTLY if StepState.APPLIED in counts else ChangeState.REJECTED


def count_failure(broker: Broker) -> int:
    """One more failure in a row to reach the broker for writing; how many it makes."""
    BrokerLease.objects.filter(broker=broker).update(failures=F("failures") + 1)
    return BrokerLease.objects.values_list("failures", flat=True).get(broker=broker)


def wait(broker: Broker, code: str, detail: str, until: datetime) -> None:
    """Every open step of the broker waits for it, and says why."""
    with transaction.atomic():
        list(BrokerLease.objects.select_for_update().filter(broker=broker))
        steps = Step.objects.filter(broker=broker, state__in=OPEN_STEPS)
        steps.update(next_at=until, error_code=code, error_detail=detail)
        changes = steps.values("change")
        Change.objects.filter(pk__in=changes).update(state=ChangeState.WAITING)
        ManagedObject.objects.filter(steps__in=steps, sync=Sync.PENDING).update(reason=detail)
