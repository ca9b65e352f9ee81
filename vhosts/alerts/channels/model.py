from __future__ import annotations

from django.db import models

from console.secrets import EncryptedField
from vhosts.alerts.tables.choices import Severity
from vhosts.alerts.tables.rules import AlertOwner, AlertRule


class ChannelKind(models.TextChoices):
    EMAIL = "email", "E-mail"
    SLACK = "slack", "Slack"
    TEAMS = "teams", "Microsoft Teams"
    PAGERDUTY = "pagerduty", "PagerDuty"
    OPSGENIE = "opsgenie", "Opsgenie"
    WEBHOOK = "webhook", "Webhook"
    APPRISE = "apprise", "Another service (Apprise URL)"


class AlertChannel(models.Model):
    """Where messages of alerts go. The address is a secret: it holds tokens and passwords.

    vhosts/alerts/channels/registry.py writes the settings, the sending process the last results.
    """

    name = models.CharField(max_length=100, unique=True)
    kind = models.CharField(max_length=16, choices=ChannelKind.choices)
    #: An Apprise URL.
    url_encrypted = EncryptedField()
    #: Where it goes, for people: no secret.
    about = models.CharField(max_length=300, blank=True)
    enabled = models.BooleanField(default=True)
    #: Also send a message when an alert resolves.
    sends_resolved = models.BooleanField(default=True)
    #: Whoever gets the message can acknowledge without signing in.
    link_acts = models.BooleanField(default=False)
    # What it gets: the alerts of all rules, or of some rules and of some owners' objects.
    everything = models.BooleanField(default=True)
    rules = models.ManyToManyField(AlertRule, blank=True, related_name="channels")
    owners = models.ManyToManyField(AlertOwner, blank=True, related_name="channels")
    least_severity = models.CharField(
        max_length=16, choices=Severity.choices, default=Severity.INFO
    )
    generation = models.IntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    # The last results. None: never.
    sent_at = models.DateTimeField(null=True)
    took_ms = models.IntegerField(null=True)
    failed_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)
    failures = models.IntegerField(default=0)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def state(self) -> str:
        """Return the name of the state badge (console/faces/templatetags/_states.py)."""
        if not self.enabled:
            return "channel_off"
        if self.failures:
            return "channel_failing"
        return "channel_works" if self.sent_at else "channel_unused"
