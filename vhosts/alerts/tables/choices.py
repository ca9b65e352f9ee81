"""What alert rules and incidents are made of: severities, kinds of subjects, states, events."""

from __future__ import annotations

from django.db import models


class Severity(models.TextChoices):
    CRITICAL = "critical", "Critical"
    WARNING = "warning", "Warning"
    INFO = "info", "Info"


class MessageType(models.TextChoices):
    TOTAL = "total", "Ready and unacked"
    READY = "ready", "Ready"
    UNACKED = "unacked", "Unacked"


class SubjectKind(models.TextChoices):
    """What an incident is about. An incident's `vhost` and `name` identify it on its broker."""

    CONSOLE = "console", "Console"
    BROKER = "broker", "Broker"
    NODE = "node", "Node"
    VHOST = "vhost", "Virtual host"
    QUEUE = "queue", "Queue"
    EXCHANGE = "exchange", "Exchange"
    OBJECT = "object", "Object"


class IncidentState(models.TextChoices):
    """`pending`: the condition holds, but not yet for as long as the rule wants. `no_data`: the
    broker can't be seen, so nobody knows whether the condition still holds."""

    PENDING = "pending", "Pending"
    FIRING = "firing", "Firing"
    ACKNOWLEDGED = "acknowledged", "Acknowledged"
    SNOOZED = "snoozed", "Snoozed"
    NO_DATA = "no_data", "No data"
    RESOLVED = "resolved", "Resolved"


class EventKind(models.TextChoices):
    FIRED = "fired", "Firing"
    REMINDED = "reminded", "Still firing"
    ACKNOWLEDGED = "acknowledged", "Acknowledged"
    REOPENED = "reopened", "Acknowledgement withdrawn"
    SNOOZED = "snoozed", "Snoozed"
    SNOOZE_ENDED = "snooze_ended", "Snooze ended"
    WINDOW_ENDED = "window_ended", "Still firing after maintenance"
    NO_DATA = "no_data", "No data"
    DATA_BACK = "data_back", "Data is back, still firing"
    RESOLVED = "resolved", "Resolved"


class ResolvedBy(models.TextChoices):
    """Why an incident ended."""

    CLEARED = "cleared", "The condition no longer holds"
    GONE = "gone", "It no longer exists, or the rule no longer covers it"
    RULE = "rule", "Its rule was disabled or deleted, or no longer covers the broker"
