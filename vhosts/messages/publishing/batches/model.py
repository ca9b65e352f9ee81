"""A file of messages and its lines. A line's message is encrypted, and deleted once it has an
outcome."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.conf import settings
from django.db import models

from console.models import Broker
from console.secrets import EncryptedField

#: How long a worker that says nothing is taken to be alive. Longer than sending one line takes.
LEASE = timedelta(seconds=60)


class BatchState(models.TextChoices):
    """checked: nobody has started it. interrupted: something was in the way; it can be continued, as
    can a stopped one."""

    CHECKED = "checked", "Checked"
    WAITING = "waiting", "Waiting"
    RUNNING = "running", "Sending"
    STOPPED = "stopped", "Stopped"
    INTERRUPTED = "interrupted", "Interrupted"
    DONE = "done", "Done"


class LineState(models.TextChoices):
    """waiting: not sent. sending: it may be on the broker. The others are final."""

    WAITING = "waiting", "Not sent"
    SENDING = "sending", "Being sent"
    CONFIRMED = "confirmed", "Confirmed"
    RETURNED = "returned", "Not routed"
    REFUSED = "refused", "Refused"
    UNKNOWN = "unknown", "Unknown"


class PublishBatch(models.Model):
    """Messages from one file. `lease` belongs to the worker that sends them, until
    `leased_until`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    broker = models.ForeignKey(Broker, on_delete=models.CASCADE, related_name="+")
    vhost = models.TextField()
    #: The name of the file.
    title = models.TextField(blank=True)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    author_name = models.TextField(blank=True)
    #: The API token of the request; it must still be valid when lines are sent.
    token_id_then = models.BigIntegerField(null=True)
    #: page | api | command
    origin = models.CharField(max_length=16)
    key = models.CharField(max_length=100)
    #: Keyed digest of the file: another file with the same key is refused.
    fingerprint = models.CharField(max_length=64)
    published_as = models.TextField(blank=True)
    total = models.PositiveIntegerField()
    #: Bytes of all bodies.
    size = models.PositiveBigIntegerField()
    #: Lines by the router's verdict when the file was checked; None if the author may not see it.
    routes = models.JSONField(null=True)
    state = models.CharField(max_length=16, choices=BatchState.choices, default=BatchState.CHECKED)
    #: Why it was interrupted: one sentence.
    problem = models.TextField(blank=True)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    lease = models.UUIDField(null=True)
    leased_until = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "publish batches"
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["author", "key"], name="one_publish_batch_per_key"),
        ]
        indexes = [models.Index(fields=["created_at"], name="publish_batches_by_age")]

    def __str__(self) -> str:
        return f"publish batch {self.pk}"

    @property
    def is_open(self) -> bool:
        return self.state in (BatchState.WAITING, BatchState.RUNNING)

    @property
    def can_continue(self) -> bool:
        return self.state in (BatchState.STOPPED, BatchState.INTERRUPTED)


class PublishLine(models.Model):
    """One line of a file. `number` counts all lines of the file from 1."""

    batch = models.ForeignKey(PublishBatch, on_delete=models.CASCADE, related_name="lines")
    number = models.PositiveIntegerField()
    exchange = models.TextField(blank=True)
    routing_key = models.TextField(blank=True)
    #: Bytes of the body.
    size = models.PositiveIntegerField()
    state = models.CharField(max_length=16, choices=LineState.choices, default=LineState.WAITING)
    code = models.PositiveIntegerField(null=True)
    text = models.TextField(blank=True)
    #: The line as it was sent, compressed; empty once it has an outcome.
    content_encrypted = EncryptedField(blank=True, default="")

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["batch", "number"], name="one_line_of_a_number"),
        ]

    def __str__(self) -> str:
        return f"line {self.number} of {self.batch_id}"
