"""Rates of queues over time.

Only queues that had traffic have rows. A RateSpan is a time over which a broker's rates are known.
Within a span, a queue's rates are those of its last row in that span; without one, they are 0.
Between spans, nothing is known. Written by vhosts.polling.rates, read by vhosts.history.read_rates.
"""

from __future__ import annotations

from typing import Any

from django.db import models

from console.models import Broker


class QueueRate(models.Model):
    """A queue's rates in messages a second, from `at` until its next row or the end of the span.

    A row of Nones: unknown from then on. Partitioned by day.
    """

    pk = models.CompositePrimaryKey("queue_id", "at")
    at = models.DateTimeField()
    queue_id = models.IntegerField()
    publish = models.FloatField(null=True)
    deliver = models.FloatField(null=True)
    ack = models.FloatField(null=True)
    redeliver = models.FloatField(null=True)
    get = models.FloatField(null=True)

    class Meta:
        db_table = "vhosts_queue_rate"

    def __str__(self) -> str:
        return f"rates of queue {self.queue_id} at {self.at}"


def _real() -> Any:
    return models.FloatField(null=True)


class RateRollup(models.Model):
    """Rates over 5 minutes or an hour, of a queue whose rates changed in that time.

    Averages are weighted by time over the known part: `known_s` seconds. `…_last` are the values at
    the end of the bucket.
    """

    pk = models.CompositePrimaryKey("queue_id", "bucket_at")
    queue_id = models.IntegerField()
    bucket_at = models.DateTimeField()
    publish_avg, publish_max, publish_last = _real(), _real(), _real()
    deliver_avg, deliver_max, deliver_last = _real(), _real(), _real()
    ack_avg, ack_max, ack_last = _real(), _real(), _real()
    redeliver_avg, redeliver_max, redeliver_last = _real(), _real(), _real()
    get_avg, get_max, get_last = _real(), _real(), _real()
    known_s = models.SmallIntegerField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"rates of queue {self.queue_id} from {self.bucket_at}"


class RateRollup5m(RateRollup):
    class Meta:
        db_table = "vhosts_queue_rate_5m"


class RateRollup1h(RateRollup):
    class Meta:
        db_table = "vhosts_queue_rate_1h"


class RateSpan(models.Model):
    """A time over which a broker's rates are known. Spans don't touch: between two is a gap."""

    broker = models.ForeignKey(Broker, on_delete=models.CASCADE, related_name="+")
    from_at = models.DateTimeField()
    until_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["broker", "from_at"], name="one_rate_span_from_a_time"),
        ]

    def __str__(self) -> str:
        return f"rates of broker {self.broker_id} from {self.from_at} until {self.until_at}"


class RateCounters(models.Model):
    """The counters of a broker's last scrape, from which the next poll computes rates. It may run
    in another worker. `packed` is what console.rabbitmq.prometheus.counters.pack returned."""

    broker = models.OneToOneField(
        Broker, on_delete=models.CASCADE, primary_key=True, related_name="+"
    )
    slot_at = models.DateTimeField()
    packed = models.BinaryField()

    def __str__(self) -> str:
        return f"counters of broker {self.broker_id} at {self.slot_at}"
