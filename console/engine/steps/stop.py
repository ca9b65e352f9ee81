"""Make steps wait for their broker, and stop steps before they are sent."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import F

from console.engine.steps.settle import settle_changes
from console.kinds.common.kind import Op
from console.models import (
    OPEN_CHANGES,
    OPEN_STEPS,
    WRITES,
    Broker,
    BrokerLease,
    Change,
    ChangeState,
    ManagedObject,
    Step,
    StepState,
    Sync,
)

#: Operations that concern a desired state; others are acts.
_DESIRED = (*WRITES, Op.DELETE)
STOPPED_BEFORE_SENDING = "Stopped before it was sent."


def stop_asked(change_id: UUID) -> bool:
    """Whether no further step of the change may begin."""
    return Change.objects.filter(pk=change_id, stop_requested_at__isnull=False).exists()


def stop_requested(broker: Broker, *, now: datetime) -> int:
    """End the unsent steps of changes that have a stop request; return how many."""
    with transaction.atomic():
        # A worker that begins or records a step holds this row.
        list(BrokerLease.objects.select_for_update().filter(broker=broker))
        steps = Step.objects.filter(
            broker=broker,
            state=StepState.PENDING,
            change__stop_requested_at__isnull=False,
            change__state__in=OPEN_CHANGES,
        )
        changes = set(steps.values_list("change", flat=True))
        if not changes:
            return 0
        targets = list(steps.filter(op__in=_DESIRED).values_list("target", flat=True))
        stopped = steps.update(
            state=StepState.STOPPED,
            finished_at=now,
            error_code="stopped",
            error_detail=STOPPED_BEFORE_SENDING,
            secrets_encrypted="",
        )
        ManagedObject.objects.filter(pk__in=targets, sync=Sync.PENDING).update(
            sync=Sync.REJECTED, reason=STOPPED_BEFORE_SENDING, updated_at=now
        )
        settle_changes(changes, now)
        return stopped


def count_failure(broker: Broker) -> int:
    """Count one more failure in a row to reach the broker for writing; return the new count."""
    BrokerLease.objects.filter(broker=broker).update(failures=F("failures") + 1)
    return BrokerLease.objects.values_list("failures", flat=True).get(broker=broker)


def wait(broker: Broker, code: str, detail: str, until: datetime) -> None:
    """Make every open step of the broker wait until `until`, with the reason."""
    with transaction.atomic():
        list(BrokerLease.objects.select_for_update().filter(broker=broker))
        steps = Step.objects.filter(broker=broker, state__in=OPEN_STEPS)
        steps.update(next_at=until, error_code=code, error_detail=detail)
        changes = steps.values("change")
        Change.objects.filter(pk__in=changes).update(state=ChangeState.WAITING)
        desired = steps.filter(op__in=_DESIRED)
        ManagedObject.objects.filter(steps__in=desired, sync=Sync.PENDING).update(reason=detail)
