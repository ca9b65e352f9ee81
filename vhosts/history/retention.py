"""Delete history that is no longer kept, except partitions (vhosts.history.partitions)."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from vhosts.models import KnownSpan, Node, Queue, RateSpan


def drop_queues(now: datetime) -> None:
    """Delete queues that have been gone for longer than KEEP_GONE_OBJECTS_DAYS. The database's
    cascade deletes their rollups; their snapshots go with their partitions."""
    gone_before = now - timedelta(days=settings.KEEP_GONE_OBJECTS_DAYS)
    with transaction.atomic():
        # The same lock order as in rollups, so that the two can't deadlock.
        long_gone = Queue.objects.filter(gone_at__lt=gone_before).order_by("pk")
        Queue.objects.filter(
            pk__in=list(long_gone.select_for_update().values_list("pk", flat=True))
        ).delete()


def drop_nodes(now: datetime) -> None:
    """Delete nodes that left their cluster longer than KEEP_GONE_OBJECTS_DAYS ago."""
    Node.objects.filter(gone_at__lt=now - timedelta(days=settings.KEEP_GONE_OBJECTS_DAYS)).delete()


def drop_spans(now: datetime) -> None:
    """Delete spans that are older than all history."""
    kept_from = now - timedelta(days=settings.KEEP_ROLLUPS_1H_DAYS)
    KnownSpan.objects.filter(until_at__lt=kept_from).delete()
    RateSpan.objects.filter(until_at__lt=kept_from).delete()
