"""What history is no longer kept."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings

from vhosts.models import KnownSpan, Queue
from vhosts.polling import partitions


def drop_old(now: datetime) -> None:
    """Partitions past their setting, queues gone for longer than KEEP_GONE_OBJECTS_DAYS (their
    rollups go with them, by the database's own cascade), and spans that no history reaches."""
    partitions.drop_old(now)
    gone_before = now - timedelta(days=settings.KEEP_GONE_OBJECTS_DAYS)
    Queue.objects.filter(gone_at__lt=gone_before).delete()
    kept_from = now - timedelta(days=settings.KEEP_ROLLUPS_1H_DAYS)
    KnownSpan.objects.filter(until_at__lt=kept_from).delete()
