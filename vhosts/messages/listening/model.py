"""Taps that run, who looks at them, and their last messages.

The tables are unlogged and nearly always empty: a tap's rows are deleted when it ends. Messages are
encrypted with the console's keys.
"""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models

from console.models import Broker


class Tap(models.Model):
    """A tap, one for all who listen to the same target. `lease` belongs to the process that runs it
    until `leased_until`. `seq` is the number of the last message that was kept."""

    broker = models.ForeignKey(Broker, on_delete=models.CASCADE, related_name="+")
    #: A digest of `target` (vhosts.messages.listening.targets.Target).
    digest = models.TextField()
    target = models.JSONField()
    lease = models.UUIDField(null=True)
    leased_until = models.DateTimeField(null=True)
    #: Since when the queue exists. None: not yet, or not any more.
    listening_since = models.DateTimeField(null=True)
    seq = models.BigIntegerField(default=0)
    #: How often it began anew: messages in between were missed.
    interruptions = models.PositiveIntegerField(default=0)
    #: Sentences about what it can't hear.
    remarks = models.JSONField(default=list)
    error_code = models.TextField(blank=True)
    error = models.TextField(blank=True)
    advice = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["broker", "digest"], name="one_tap_of_a_target"),
        ]

    def __str__(self) -> str:
        return f"tap {self.pk}"


class TapViewer(models.Model):
    """Somebody who listens: a page, or a client of the API."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tap = models.ForeignKey(Tap, on_delete=models.CASCADE, related_name="viewers")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    joined_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    paused = models.BooleanField(default=False)

    class Meta:
        indexes = [models.Index(fields=["user"], name="tap_viewers_of_a_person")]

    def __str__(self) -> str:
        return str(self.pk)


class TapSlice(models.Model):
    """What a tap got within a slice of time: `kept` messages, the last with the number `seq`, and
    `skipped` more; `at_least`: perhaps more than that."""

    tap = models.ForeignKey(Tap, on_delete=models.CASCADE, related_name="slices")
    seq = models.BigIntegerField()
    at = models.DateTimeField()
    seconds = models.FloatField()
    kept = models.PositiveIntegerField()
    skipped = models.PositiveBigIntegerField()
    at_least = models.BooleanField()
    #: Bytes of `sealed`.
    bytes = models.PositiveIntegerField()
    #: The messages, encrypted (vhosts.messages.listening.buffer).
    sealed = models.TextField()

    class Meta:
        indexes = [models.Index(fields=["tap", "seq"], name="tap_slices_in_order")]

    def __str__(self) -> str:
        return f"messages up to {self.seq}"
