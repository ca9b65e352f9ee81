from __future__ import annotations

from django.db import models

from console.models import Broker


class Poll(models.Model):
    """One poll of a broker's depths: tells *unchanged* from *not seen*.

    A queue without a snapshot between two complete polls did not change; where there was no
    complete poll, nothing is known. Partitioned by the day of `slot_at`; no constraint on the
    broker, so that making and dropping partitions locks no other table.
    """

    broker = models.ForeignKey(
        Broker, on_delete=models.CASCADE, related_name="+", db_constraint=False
    )
    #: The time slot it stands for: one poll a broker and slot, however many beats run.
    slot_at = models.DateTimeField()
    started_at = models.DateTimeField()
    took_ms = models.IntegerField()
    #: prometheus | totals | passive; empty where it failed before a source was chosen.
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
