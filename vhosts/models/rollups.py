"""Depths summed up over 5 minutes and over an hour.

Averages are weighted by time over the part of the bucket that is known: `known_s` seconds of it.
A bucket of which nothing is known has no row, so a gap stays a gap.
"""

from __future__ import annotations

from django.db import models


class QueueRollup(models.Model):
    pk = models.CompositePrimaryKey("queue_id", "bucket_at")
    queue_id = models.IntegerField()
    bucket_at = models.DateTimeField()
    ready_min = models.BigIntegerField()
    ready_max = models.BigIntegerField()
    ready_avg = models.FloatField()
    unacked_min = models.BigIntegerField()
    unacked_max = models.BigIntegerField()
    unacked_avg = models.FloatField()
    known_s = models.SmallIntegerField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"queue {self.queue_id} from {self.bucket_at}"


class QueueRollup5m(QueueRollup):
    class Meta:
        db_table = "vhosts_queue_rollup_5m"


class QueueRollup1h(QueueRollup):
    class Meta:
        db_table = "vhosts_queue_rollup_1h"
