from __future__ import annotations

from django.db import models

from console.models import Broker


class KnownSpan(models.Model):
    """A time over which a broker's depths are known: complete polls, none missing.

    `from_at` is the slot of the first poll, `last_at` that of the latest one. `until_at` is the
    end of the time that the latest one covers: one poll interval later. Between two spans is a
    gap.
    """

    broker = models.ForeignKey(Broker, on_delete=models.CASCADE, related_name="+")
    from_at = models.DateTimeField()
    last_at = models.DateTimeField()
    until_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["broker", "from_at"], name="one_span_from_a_time"),
        ]

    def __str__(self) -> str:
        return f"broker {self.broker_id} known from {self.from_at} until {self.until_at}"


class RollupMark(models.Model):
    """The time up to which a rollup table is filled."""

    name = models.CharField(max_length=8, primary_key=True)
    done_until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} until {self.done_until}"


class RollupGap(models.Model):
    """A bucket of a rollup in which one broker's part is missing. It couldn't be computed in its
    turn and is retried (vhosts.history.rollups)."""

    rollup = models.CharField(max_length=8)
    broker = models.ForeignKey(Broker, on_delete=models.CASCADE, related_name="+")
    bucket_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["rollup", "broker", "bucket_at"], name="one_gap_of_a_bucket"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rollup} of broker {self.broker_id} from {self.bucket_at}"
