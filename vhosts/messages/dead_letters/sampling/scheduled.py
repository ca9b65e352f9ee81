"""Samples by schedule, each in the name of the person who set it."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog
from django.contrib.auth.models import User
from django.db import transaction

from console.errors import NotAllowed
from vhosts.messages.dead_letters.sampling.sample import note_trouble, sample_queue
from vhosts.models import DeadLetterSetting, Queue

log = structlog.get_logger(__name__)

#: Queues that one run samples; the others wait for the next.
_MOST = 5


def sample_due(now: datetime) -> int:
    """Sample the queues that are due; return how many were. Safe to run in parallel."""
    due = _claimed(now)
    for setting in due:
        rows = Queue.objects.present().filter(
            broker=setting.broker_id, vhost=setting.vhost, name=setting.queue
        )
        queue = rows.select_related("broker__status").first()
        if queue is None:
            continue
        author = User.objects.filter(pk=setting.author_id or 0, is_active=True).first()
        try:
            if author is None:
                raise NotAllowed("")
            sample_queue(queue, acting_user=author, now=now)
        except NotAllowed:
            note_trouble(
                queue, f"{setting.author_name} may not see messages here any more. Set the schedule again.", now
            )  # fmt: skip
            log.info("scheduled_sample_refused", queue=queue.pk)
    return len(due)


def _claimed(now: datetime) -> list[DeadLetterSetting]:
    """Return what is due, with its next time set, so that no other worker takes it."""
    with transaction.atomic():
        rows = DeadLetterSetting.objects.select_for_update(skip_locked=True).filter(
            sample_every_s__isnull=False, next_sample_at__lte=now
        )
        due = list(rows.order_by("next_sample_at")[:_MOST])
        for setting in due:
            setting.next_sample_at = now + timedelta(seconds=setting.sample_every_s or 0)
            setting.save(update_fields=["next_sample_at"])
    return due
