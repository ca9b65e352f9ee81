"""Depths summed up over 5 minutes and over an hour.

A bucket has a row where something changed in it. Without one, the last row's closing values hold
on, for as far as KnownSpan says that the broker was seen; so neither a quiet queue nor a gap costs
a row. Averages are weighted by time over the part of the bucket that is known: `known_s` seconds.
"""

from __future__ import annotations

from django.db import models


class QueueRollup(models.Model):
    pk = models.CompositePrimaryKey("queue_id", "bucket_at")
    queue_id = models.IntegerField()
    bucket_at = models.DateTimeField()
    #: None where nothing of the bucket is known (`known_s` 0).
    ready_min = models.BigIntegerField(null=True)
    ready_max = models.BigIntegerField(null=True)
    ready_avg = models.FloatField(null=True)
    unacked_min = models.BigIntegerField(null=True)
    unacked_max = models.BigIntegerField(null=True)
    unacked_avg = models.FloatField(null=True)
    #: In force when the bucket closed; None: not known from then on.
    ready_last = models.BigIntegerField(null=True)
    unacked_last = models.BigIntegerField(null=True)
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
