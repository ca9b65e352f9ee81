"""Delete incidents that ended long ago."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings

from vhosts.alerts.notifications.old import KEPT as MESSAGES_KEPT
from vhosts.alerts.tables.incidents import AlertIncident

_AT_ONCE = 1_000
_MOST = 50


def drop_old_incidents(now: datetime) -> None:
    """Delete incidents that ended before the hourly history begins (KEEP_ROLLUPS_1H_DAYS), with
    their events; none before the messages that name it, whose readers it decides."""
    history = timedelta(days=settings.KEEP_ROLLUPS_1H_DAYS)
    before = now - max(history, MESSAGES_KEPT + timedelta(days=1))
    old = AlertIncident.objects.filter(resolved_at__lt=before).order_by("resolved_at")
    for _ in range(_MOST):
        batch = list(old.values_list("pk", flat=True)[:_AT_ONCE])
        if not batch:
            return
        AlertIncident.objects.filter(pk__in=batch).delete()
