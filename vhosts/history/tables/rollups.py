"""Depths summed up over 5 minutes and over an hour.

A bucket has a row if something changed in it. Without one, the last row's closing values stay
valid for as long as KnownSpan covers; so a quiet queue or a gap costs no rows. Averages are
weighted by time over the known part of the bucket: `known_s` seconds.
"""

from __future__ import annotations

from django.db import models


class QueueRollup(models.Model):
    pk = models.CompositePrimaryKey("queue_id", "bucket_at")
    queue_id = models.IntegerField()
    bucket_at = models.DateTimeField()
    #: None if nothing in the bucket is known (`known_s` is 0).
    ready_min = models.BigIntegerField(null=True)
    ready_max = models.BigIntegerField(null=True)
    ready_avg = models.FloatField(null=True)
    unacked_min = models.BigIntegerField(null=True)
    unacked_max = models.BigIntegerField(null=True)
    unacked_avg = models.FloatField(null=True)
    #: Value at the end of the bucket; None: unknown from then on.
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
