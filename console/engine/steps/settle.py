"""Derive the state of objects and changes from the outcome of their steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db.models import Count, Exists, OuterRef

from console.models import (
    OPEN_CHANGES,
    OPEN_STEPS,
    Change,
    ChangeState,
    ManagedObject,
    Step,
    StepState,
    Sync,
)


def store_alike(rows: Sequence[Step], fields: tuple[str, ...]) -> None:
    """Store the fields with one UPDATE per distinct set of values; a batch has few. bulk_update
    would build a CASE with every row and take longer than the broker."""
    alike: dict[tuple[object, ...], list[int]] = {}
    for row in rows:
        alike.setdefault(tuple(getattr(row, name) for name in fields), []).append(row.pk)
    for values, ids in alike.items():
        Step.objects.filter(pk__in=ids).update(**dict(zip(fields, values, strict=True)))


def move_targets(
    steps: Sequence[Step], sync: Sync, reason: str, now: datetime, **more: object
) -> None:
    """Set the state of the steps' objects, except those with a newer desired state. An act says
    nothing about a desired state."""
    steps = [step for step in steps if not step.is_act]
    same = Step.objects.filter(
        pk__in=[step.pk for step in steps], generation=OuterRef("generation")
    )
    ManagedObject.objects.filter(
        Exists(same.filter(target=OuterRef("pk"))), pk__in=[step.target_id for step in steps]
    ).update(sync=sync, reason=reason, updated_at=now, **more)


def settle_changes(change_ids: Iterable[object], now: datetime) -> None:
    """Set the state of each change from its steps."""
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
        # A waiting change keeps waiting until one of its steps begins again.
        waits = change.state == ChangeState.WAITING
        return ChangeState.WAITING if waits else ChangeState.APPLYING
    if counts.get(StepState.STOPPED) or change.abandoned_steps:
        return ChangeState.STOPPED
    if counts.get(StepState.UNKNOWN):
        return ChangeState.UNKNOWN
    if set(counts) == {StepState.SUPERSEDED}:
        return ChangeState.SUPERSEDED
    if set(counts) <= {StepState.APPLIED}:
        # Done means that every step was read back. A superseded step wasn't.
        return ChangeState.DONE
    return ChangeState.PARTLY if StepState.APPLIED in counts else ChangeState.REJECTED
