"""Stopping: what was never sent of a change ends at once, the rest once it has been read back."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import transaction

from console.engine.step_store import STOPPED_BEFORE_SENDING, settle
from console.models import (
    OPEN_CHANGES,
    Broker,
    BrokerLease,
    Change,
    ManagedObject,
    Step,
    StepState,
    Sync,
)


def stop_asked(change_id: UUID) -> bool:
    """Whether no further step of the change is to begin."""
    return Change.objects.filter(pk=change_id, stop_requested_at__isnull=False).exists()


def stop_requested(broker: Broker, *, now: datetime) -> int:
    """Ends the steps of which nothing was sent, of changes that are to stop; how many."""
    with transaction.atomic():
        # A worker that begins a step, or records one, holds this row.
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
        targets = list(steps.values_list("target", flat=True))
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
        settle(changes, now)
        return stopped
