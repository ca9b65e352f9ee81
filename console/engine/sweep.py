"""Find brokers with due steps, without a notification."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q

from console.models import OPEN_STEPS, Change, Step
from console.models.changes import OPEN_CHANGES


def brokers_with_due_steps(now: datetime) -> list[int]:
    """Return the IDs of brokers that have a step to apply or to stop now."""
    stopping = Change.objects.filter(stop_requested_at__isnull=False, state__in=OPEN_CHANGES)
    due = Step.objects.filter(state__in=OPEN_STEPS).filter(
        Q(next_at__lte=now) | Q(change__in=stopping)
    )
    return list(due.order_by("broker").values_list("broker", flat=True).distinct())
