"""History in partitions by day.

Leaf tables: written by COPY, read by selectors. They have no foreign keys: a composite primary key
can't be the target of one, and a constraint would slow down each COPY.
"""

from __future__ import annotations

from django.db import models


class Snapshot(models.Model):
    """A queue's depth from `at` until its next row.

    There is a row only where a value changed, and a row of Nones from where the depth is unknown.
    Read it with KnownSpan: between spans, nothing is known.
    """

    pk = models.CompositePrimaryKey("queue_id", "at")
    at = models.DateTimeField()
    ready = models.BigIntegerField(null=True)
    unacked = models.BigIntegerField(null=True)
    queue_id = models.IntegerField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"queue {self.queue_id} at {self.at}"


class RecentSnapshot(Snapshot):
    """About the last half hour, in the order in which polls wrote it."""

    class Meta:
        db_table = "vhosts_queue_recent"


class QueueSnapshot(Snapshot):
    """Older rows, moved here by vhosts.history.settle and sorted by queue. Half an hour of one
    queue is on one or two pages, so that its day is read quickly."""

    class Meta:
        db_table = "vhosts_queue_snapshot"


class BrokerSample(models.Model):
    """A broker's own figures at one poll; one row for each poll that it answered."""

    pk = models.CompositePrimaryKey("broker_id", "at")
    broker_id = models.BigIntegerField()
    at = models.DateTimeField()
    queues = models.BigIntegerField(null=True)
    connections = models.BigIntegerField(null=True)
    ready = models.BigIntegerField(null=True)
    unacked = models.BigIntegerField(null=True)
    publish_rate = models.FloatField(null=True)
    deliver_rate = models.FloatField(null=True)

    class Meta:
        db_table = "vhosts_broker_sample"

    def __str__(self) -> str:
        return f"broker {self.broker_id} at {self.at}"
