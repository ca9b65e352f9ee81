"""What is remembered of a queue's peeks, and what was read for as long as its reader looks at it."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models

from console.models import Broker
from console.secrets import EncryptedField


class QueuePeeks(models.Model):
    """The last peek of a queue on which looks count, and who peeks now. One row per queue.

    It outlives the process that peeks: `highest` is raised before the messages are got.
    """

    # Named, not by foreign key: inventories delete and revive rows of queues.
    broker = models.ForeignKey(Broker, on_delete=models.CASCADE, related_name="+")
    vhost = models.TextField()
    queue = models.TextField()
    #: Until when a peek holds the queue; None: nobody does.
    held_until = models.DateTimeField(null=True)
    #: Whose peek holds it.
    holder = models.UUIDField(null=True)
    peeked_at = models.DateTimeField(null=True)
    #: The highest count of returns that a message had after the last peek.
    highest = models.IntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["broker", "vhost", "queue"], name="one_row_of_peeks_of_a_queue"
            ),
        ]

    def __str__(self) -> str:
        return f"peeks of {self.queue}"


class KeptMessages(models.Model):
    """Messages that somebody read, encrypted, for their session only. Reading them again would cost
    the queue another look. Deleted after some minutes."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    broker = models.ForeignKey(Broker, on_delete=models.CASCADE, related_name="+")
    queue_id = models.IntegerField()
    reader = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    #: SHA-256 of the key of the reader's session.
    session = models.CharField(max_length=64)
    read_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    #: How the reading went: fields of vhosts.messages.peeking.read.Outcome, without messages.
    outcome = models.JSONField()
    #: The schema that its reader gave: kind, content and message; empty: none.
    schema = models.JSONField(default=dict)
    content_encrypted = EncryptedField()

    def __str__(self) -> str:
        return f"messages of queue {self.queue_id} read by {self.reader_id}"
