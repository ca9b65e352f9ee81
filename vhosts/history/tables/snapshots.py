"""History by day partitions. Leaf tables: written by COPY, read by selectors, no foreign keys
(a composite primary key can be no target of one, and a constraint would cost each COPY)."""

from __future__ import annotations

from django.db import models


class Snapshot(models.Model):
    """A queue's depth from `at` on, until its next row. A row only where a value changed; a row
    of Nones from where the depth is not known. Read with KnownSpan: between spans nothing is known.
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
    """The last half hour or so, in the order in which polls wrote it."""

    class Meta:
        db_table = "vhosts_queue_recent"


class QueueSnapshot(Snapshot):
    """What is older, moved here by vhosts.history.settle in order of queues: half an hour of one
    queue lies on one page or two, so that a day of it is read at once."""

    class Meta:
        db_table = "vhosts_queue_snapshot"


class BrokerSample(models.Model):
    """A broker's own figures at one poll; a row for each poll that it answered."""

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
