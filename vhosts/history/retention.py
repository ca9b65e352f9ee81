"""What history is no longer kept, besides partitions (vhosts.history.partitions)."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from vhosts.models import KnownSpan, Queue


def drop_queues(now: datetime) -> None:
    """Queues gone for longer than KEEP_GONE_OBJECTS_DAYS. Their rollups go with them, by the
    database's own cascade; their snapshots go with their partitions."""
    gone_before = now - timedelta(days=settings.KEEP_GONE_OBJECTS_DAYS)
    with transaction.atomic():
        # In the order in which rollups lock them, so that the two never lock each other out.
        long_gone = Queue.objects.filter(gone_at__lt=gone_before).order_by("pk")
        Queue.objects.filter(
            pk__in=list(long_gone.select_for_update().values_list("pk", flat=True))
        ).delete()


def drop_spans(now: datetime) -> None:
    """Spans that no history reaches any more."""
    kept_from = now - timedelta(days=settings.KEEP_ROLLUPS_1H_DAYS)
    KnownSpan.objects.filter(until_at__lt=kept_from).delete()
