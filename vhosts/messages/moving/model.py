"""Jobs that move, copy or delete messages, and what became of single messages."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models

from accessctl.reach import AnyUser, reach_of
from accessctl.rights import Permission
from console.models import Broker


class MessageJobQuerySet(models.QuerySet["MessageJob"]):
    def visible_to(self, user: AnyUser) -> MessageJobQuerySet:
        """Return the jobs whose source the person may see the messages of."""
        return self.filter(reach_of(user).objects(Permission.MESSAGES_VIEW))


class MessageJob(models.Model):
    """A move, copy or delete of messages of one queue, in the background.

    Every worker that changes the row holds its lease and names its `fence`.
    """

    class Mode(models.TextChoices):
        MOVE = "move", "Move"
        COPY = "copy", "Copy"
        DELETE = "delete", "Delete"

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting for a worker"
        RUNNING = "running", "Running"
        PAUSED = "paused", "Paused"
        DONE = "done", "Done"
        STOPPED = "stopped", "Stopped"
        FAILED = "failed", "Failed"

    ENDED = (State.DONE, State.STOPPED, State.FAILED)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    author_name = models.TextField(blank=True)
    #: The API token that it was requested with; it must still be valid when the job runs.
    token_id_then = models.BigIntegerField(null=True)
    #: The same key of the same author is the same job.
    idempotency_key = models.CharField(max_length=100, blank=True)
    reason = models.TextField(blank=True)
    #: What it is for: move | replay | replace.
    purpose = models.CharField(max_length=16, default="move")
    mode = models.CharField(max_length=8, choices=Mode.choices)

    broker = models.ForeignKey(Broker, on_delete=models.CASCADE, related_name="+")
    vhost = models.TextField()
    queue = models.TextField()
    #: None for a deletion.
    target_broker = models.ForeignKey(Broker, null=True, on_delete=models.CASCADE, related_name="+")
    target_vhost = models.TextField(blank=True)
    #: None: the exchange that each message was first published to.
    target_exchange = models.TextField(null=True)
    #: None: the routing key that each message was first published with.
    target_key = models.TextField(null=True)

    #: vhosts.messages.moving.places.Selection.
    selection = models.JSONField(default=dict)
    #: Whether messages keep their own time to live, which starts anew at the target.
    keep_expiration = models.BooleanField(default=True)
    #: Messages a second at most. None: as fast as possible.
    rate = models.PositiveIntegerField(null=True)

    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    #: Why it waits or ended early, one or two sentences. Empty otherwise.
    note = models.TextField(blank=True)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    stop_requested = models.BooleanField(default=False)
    pause_requested = models.BooleanField(default=False)

    #: Messages in the queue when the job began; it never takes more. None: not begun.
    frozen = models.BigIntegerField(null=True)
    #: Messages that the selection covered so far.
    selected = models.BigIntegerField(default=0)
    #: The target confirmed them (of a deletion: nothing).
    confirmed = models.BigIntegerField(default=0)
    #: They reached no queue and are still at the source.
    returned = models.BigIntegerField(default=0)
    #: The target refused them; they are still at the source.
    refused = models.BigIntegerField(default=0)
    #: They were confirmed, but may be at the target twice.
    twice = models.BigIntegerField(default=0)
    #: They left the source during an interruption without a confirmation.
    unknown = models.BigIntegerField(default=0)
    #: They don't match the selection and are still at the source.
    skipped = models.BigIntegerField(default=0)
    deleted = models.BigIntegerField(default=0)
    #: How often a worker or a connection was lost.
    interruptions = models.PositiveIntegerField(default=0)

    #: What was sent and isn't known to be settled (vhosts.messages.moving.journal).
    journal = models.JSONField(default=dict)
    #: Of a stream: the next offset to read.
    offset = models.BigIntegerField(null=True)

    lease_owner = models.TextField(blank=True)
    lease_until = models.DateTimeField(null=True)
    fence = models.BigIntegerField(default=0)
    #: When the worker last reported.
    heartbeat_at = models.DateTimeField(null=True)
    #: Don't try before.
    next_at = models.DateTimeField(null=True)

    objects = MessageJobQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["broker", "vhost", "-created_at"], name="message_jobs_of_vhost"),
            models.Index(
                fields=["next_at"],
                condition=models.Q(state__in=["waiting", "running"]),
                name="message_jobs_to_run",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["author", "idempotency_key"],
                condition=~models.Q(idempotency_key=""),
                name="one_message_job_of_a_key",
            )
        ]

    def __str__(self) -> str:
        return f"{self.mode} of {self.queue} in {self.vhost}"

    @property
    def badge(self) -> str:
        """The state in the vocabulary of pages."""
        return _BADGES[self.State(self.state)]

    @property
    def has_ended(self) -> bool:
        return self.state in self.ENDED

    @property
    def done(self) -> int:
        """Messages that left the source or were copied."""
        return self.confirmed + self.deleted

    @property
    def left_behind(self) -> int:
        return self.returned + self.refused


_BADGES = {
    MessageJob.State.WAITING: "pending",
    MessageJob.State.RUNNING: "applying",
    MessageJob.State.PAUSED: "channel_off",
    MessageJob.State.DONE: "in_sync",
    MessageJob.State.STOPPED: "shutdown",
    MessageJob.State.FAILED: "error",
}


class MessageOutcome(models.Model):
    """What became of one message, if it wasn't simply confirmed. No content."""

    class Outcome(models.TextChoices):
        RETURNED = "returned", "Not routed"
        REFUSED = "refused", "Refused"
        TWICE = "twice", "May be there twice"
        UNKNOWN = "unknown", "Unknown"

    id = models.BigAutoField(primary_key=True)
    job = models.ForeignKey(MessageJob, on_delete=models.CASCADE, related_name="outcomes")
    at = models.DateTimeField()
    outcome = models.CharField(max_length=8, choices=Outcome.choices)
    fingerprint = models.CharField(max_length=32)
    message_id = models.TextField(blank=True)
    exchange = models.TextField(blank=True)
    routing_key = models.TextField(blank=True)
    #: The broker's reason, or what is known.
    reason = models.TextField(blank=True)

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["job", "outcome"], name="message_outcomes_of_job")]

    def __str__(self) -> str:
        return f"{self.outcome} {self.fingerprint}"


class CopiedMessages(models.Model):
    """Fingerprints of messages that a copy has confirmed: after an interruption the source delivers
    them again."""

    id = models.BigAutoField(primary_key=True)
    job = models.ForeignKey(MessageJob, on_delete=models.CASCADE, related_name="copied")
    #: 16 bytes each, one after the other.
    fingerprints = models.BinaryField()

    def __str__(self) -> str:
        return f"{len(self.fingerprints) // 16} copied messages"
