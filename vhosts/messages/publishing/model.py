"""What was published, or may have been: one row per request, without the payload."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.db import models

from console.models import Broker

#: Longer than any request takes (`send.DEADLINE`): after that, nobody works on it any more.
ABANDONED_AFTER = timedelta(seconds=90)


class PublishState(models.TextChoices):
    """accepted: nothing was sent yet. sending: it may be on the broker. The others are final."""

    ACCEPTED = "accepted", "Not sent yet"
    SENDING = "sending", "Being sent"
    CONFIRMED = "confirmed", "Confirmed"
    RETURNED = "returned", "Not routed"
    REFUSED = "refused", "Refused"
    UNKNOWN = "unknown", "Unknown"
    FAILED = "failed", "Not sent"


class PublishRequest(models.Model):
    """A request to publish one message. A repeated key of the same author is the same request."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    broker = models.ForeignKey(Broker, on_delete=models.CASCADE, related_name="+")
    vhost = models.TextField()
    exchange = models.TextField(blank=True)
    routing_key = models.TextField(blank=True)
    #: Bytes of the body.
    size = models.PositiveIntegerField()
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    author_name = models.TextField(blank=True)
    #: page | api | command
    origin = models.CharField(max_length=16)
    key = models.CharField(max_length=100)
    #: Keyed digest of the message: another message with the same key is refused.
    fingerprint = models.CharField(max_length=64)
    #: The broker's user whose connection sends it.
    published_as = models.TextField()
    #: Milliseconds for which an x-delayed-message exchange holds it. None: none.
    delay = models.BigIntegerField(null=True)
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    state = models.CharField(
        max_length=16, choices=PublishState.choices, default=PublishState.ACCEPTED
    )
    #: AMQP's reply code; None if the broker gave none.
    code = models.PositiveIntegerField(null=True)
    #: The broker's reply, or one sentence of the console.
    text = models.TextField(blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["author", "key"], name="one_publish_request_per_key"),
        ]
        indexes = [models.Index(fields=["created_at"], name="publish_requests_by_age")]

    def __str__(self) -> str:
        return f"publish request {self.pk}"

    @property
    def is_open(self) -> bool:
        return self.state in (PublishState.ACCEPTED, PublishState.SENDING)

    def is_abandoned(self, now: datetime) -> bool:
        """Return whether whoever worked on it has died."""
        return self.is_open and now - self.created_at > ABANDONED_AFTER
