"""End the changes of a broker that is removed from the console. Their steps are deleted with it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Concat

from console.audit import User, record
from console.models import OPEN_STEPS, Broker, Change, ChangeState, Step, StepState


def unfinished_changes(broker: Broker) -> QuerySet[Any]:
    """Return the changes with open steps on the broker, oldest first. Each has `steps_here`,
    `done_here`, and `unsure_here`: the number of steps that may have been sent."""
    here = Q(steps__broker=broker)
    left = Step.objects.filter(change=OuterRef("pk"), broker=broker, state__in=OPEN_STEPS)
    return (
        Change.objects.filter(Exists(left))
        .annotate(
            steps_here=Count("steps", filter=here),
            done_here=Count("steps", filter=here & Q(steps__state=StepState.APPLIED)),
            unsure_here=Count("steps", filter=here & Q(steps__state=StepState.VERIFYING)),
        )
        .order_by("created_at", "pk")
    )


def end_changes_with(broker: Broker, *, now: datetime, acting_user: User) -> int:
    """End the open steps on the broker right before it is removed; return how many changes that
    affects. Each gets a note, and the audit log an entry. A change with open steps elsewhere
    continues there, and ends as stopped.
    """
    unfinished = list(unfinished_changes(broker))
    for change in unfinished:
        left = change.steps.filter(broker=broker, state__in=OPEN_STEPS).count()
        said = _sentence(broker, left, change.unsure_here)
        change.abandoned_steps += left
        change.note = f"{change.note} {said}".strip()
        goes_on = change.steps.filter(state__in=OPEN_STEPS).exclude(broker=broker).exists()
        if not goes_on:
            change.state, change.finished_at = ChangeState.STOPPED, now
        change.save(update_fields=["abandoned_steps", "note", "state", "finished_at"])
        record(
            "change:end",
            target_kind="change",
            target=change.title,
            broker=broker,
            acting_user=acting_user,
            reason=f"Change {change.pk}: {said}",
        )
    here = Step.objects.filter(change=OuterRef("pk"), broker=broker)
    gone = f" Its steps on {broker.name} aren't kept: that broker was removed from the console."
    Change.objects.filter(Exists(here)).exclude(pk__in=[change.pk for change in unfinished]).update(
        note=Concat(F("note"), Value(gone))
    )
    return len(unfinished)


def _sentence(broker: Broker, left: int, unsure: int) -> str:
    steps = "1 step" if left == 1 else f"{left} steps"
    sent = f" {unsure} of them may have been sent." if unsure else ""
    return (
        f"The broker {broker.name} was removed from the console with {steps} unfinished.{sent} "
        "Nothing more is sent."
    )
