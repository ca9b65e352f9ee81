from __future__ import annotations

from django.db import models
from django.db.models import Q

from console.models import Broker
from vhosts.alerts.channels.model import AlertChannel
from vhosts.alerts.tables.incidents import AlertIncident


class AlertNotification(models.Model):
    """A message: what happened to the alerts of one rule on one broker since the message before.

    Written once, by vhosts/alerts/notifications/route.py, in the transaction that marks its events as handled.
    """

    #: What messages of one conversation share, such as `rule-7-broker-2`: they arrive in order.
    thread = models.CharField(max_length=100)
    #: None: alerts of the console itself, or the broker was removed.
    broker = models.ForeignKey(Broker, null=True, on_delete=models.SET_NULL, related_name="+")
    incidents = models.ManyToManyField(AlertIncident, related_name="notifications")
    #: info, success, warning or failure.
    type = models.CharField(max_length=16)
    title = models.TextField()
    body = models.TextField()
    #: Nothing of the conversation fires any more.
    ends = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    #: Why it goes to no channel; "" if it goes to at least one.
    why_unsent = models.TextField(blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["thread", "-id"], name="notifications_of_a_thread"),
            models.Index(fields=["created_at"], name="notifications_by_age"),
        ]

    def __str__(self) -> str:
        return self.title


class DeliveryState(models.TextChoices):
    WAITING = "waiting", "Waiting"
    SENDING = "sending", "Sending"
    SENT = "sent", "Sent"
    FAILED = "failed", "Given up"


class AlertDelivery(models.Model):
    """One message to one channel, with its tries. Claimed by vhosts/alerts/notifications/deliver.py; the sending
    process writes the results."""

    notification = models.ForeignKey(
        AlertNotification, on_delete=models.CASCADE, related_name="deliveries"
    )
    #: None: the channel was deleted.
    channel = models.ForeignKey(
        AlertChannel, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    channel_name = models.CharField(max_length=100)
    thread = models.CharField(max_length=100)
    state = models.CharField(
        max_length=16, choices=DeliveryState.choices, default=DeliveryState.WAITING
    )
    first_due_at = models.DateTimeField()
    due_at = models.DateTimeField()
    attempts = models.IntegerField(default=0)
    claim = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    #: When the current try began to send.
    started_at = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    took_ms = models.IntegerField(null=True)
    #: Why the last try failed.
    error = models.TextField(blank=True)
    #: [{"at", "sent", "why", "took_ms"}]; `sent` null: nobody knows.
    tries = models.JSONField(default=list)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["notification", "channel"], name="one_delivery_to_a_channel"
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"],
                condition=Q(state__in=["waiting", "sending"]),
                name="open_deliveries",
            ),
            models.Index(fields=["channel", "-id"], name="deliveries_of_a_channel"),
        ]

    def __str__(self) -> str:
        return f"{self.channel_name}: {self.state}"
