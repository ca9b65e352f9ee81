"""Give up deliveries that nobody could send, and delete old messages."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.db.models import Q

from vhosts.alerts.notifications.model import AlertDelivery, AlertNotification, DeliveryState
from vhosts.alerts.notifications.retries import GIVE_UP_AFTER

#: How long messages are kept, with their log of deliveries.
KEPT: Final = timedelta(days=90)
_MOST = 1000


def drop_old(now: datetime) -> None:
    """End what waits for a channel that was deleted, or that is off for too long; delete old messages."""
    waiting = AlertDelivery.objects.filter(state=DeliveryState.WAITING)
    waiting.filter(channel=None).update(
        state=DeliveryState.FAILED, error="The channel was deleted."
    )
    waiting.filter(Q(channel__enabled=False), first_due_at__lt=now - GIVE_UP_AFTER).update(
        state=DeliveryState.FAILED, error="The channel is off."
    )
    old = AlertNotification.objects.filter(created_at__lt=now - KEPT).order_by("id")
    AlertNotification.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:_MOST])).delete()
