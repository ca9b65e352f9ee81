from __future__ import annotations

from django.db import models

from console.models import Broker


class Poll(models.Model):
    """One poll of a broker's depths. It distinguishes *unchanged* from *not seen*.

    A queue without a snapshot between two complete polls didn't change. Without a complete poll,
    nothing is known. Partitioned by the day of `slot_at`. There is no constraint on the broker, so
    that creating and dropping partitions locks no other table.
    """

    broker = models.ForeignKey(
        Broker, on_delete=models.CASCADE, related_name="+", db_constraint=False
    )
    #: The poll's time slot: one poll per broker and slot, however many beats run.
    slot_at = models.DateTimeField()
    started_at = models.DateTimeField()
    took_ms = models.IntegerField()
    #: prometheus | totals | passive; empty if the poll failed before a source was chosen.
    source = models.CharField(max_length=16, blank=True)
    complete = models.BooleanField()
    queues = models.IntegerField(null=True)
    changed = models.IntegerField(null=True)
    rejected = models.IntegerField(default=0)
    #: Up to five reasons with samples of rejected rows.
    rejected_samples = models.JSONField(default=list)
    error_code = models.CharField(max_length=32, blank=True)
    error_detail = models.TextField(blank=True)

    class Meta:
        ordering = ["-slot_at"]
        constraints = [
            models.UniqueConstraint(fields=["broker", "slot_at"], name="one_poll_per_slot"),
        ]

    def __str__(self) -> str:
        return f"poll of broker {self.broker_id} at {self.slot_at:%Y-%m-%d %H:%M:%S}"
