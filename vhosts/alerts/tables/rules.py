from __future__ import annotations

from django.db import models
from django.db.models import Q

from console.models import Broker
from console.models.brokers import Environment
from vhosts.alerts.tables.choices import MessageType, Severity
from vhosts.queues.model import Queue


class AlertRule(models.Model):
    """A condition on brokers or what is in them, and how long it must hold.

    vhosts.alerts.types says what each `type` measures and which of the fields it uses. Written by
    vhosts.alerts.service only.
    """

    name = models.CharField(max_length=200, unique=True)
    #: What it means and what to do, for the one who is woken.
    description = models.TextField(blank=True)
    #: The key of the standard rule that it was made from; None: written by people.
    standard_key = models.CharField(max_length=64, null=True, unique=True)
    type = models.CharField(max_length=64)
    #: It fires when the value is above this (below it, for types that say so). None: the type has
    #: no threshold.
    threshold = models.FloatField(null=True, blank=True)
    #: It resolves only when the value isn't beyond this either. None: the threshold itself.
    clear_threshold = models.FloatField(null=True, blank=True)
    #: The condition must hold for this many seconds before it fires. 0: at once.
    for_s = models.PositiveIntegerField(default=0)
    #: It must not hold for this many seconds before the incident resolves.
    keep_s = models.PositiveIntegerField(default=0)
    #: Repeat the notification this often while it fires. 0: never.
    reminder_s = models.PositiveIntegerField(default=0)
    severity = models.CharField(max_length=16, choices=Severity.choices, default=Severity.WARNING)
    #: Empty: any environment.
    environment = models.CharField(max_length=16, choices=Environment.choices, blank=True)
    #: None of them: every broker (of the environment).
    brokers = models.ManyToManyField(Broker, blank=True, related_name="+")
    #: Patterns with `*`; the second is for names of queues, and of exchanges where it is about them.
    vhost_pattern = models.TextField(default="*")
    queue_pattern = models.TextField(default="*")
    message_type = models.CharField(
        max_length=16, choices=MessageType.choices, default=MessageType.READY
    )
    #: What else the type uses: see its `parameters`.
    parameters = models.JSONField(default=dict, blank=True)
    enabled = models.BooleanField(default=False)
    #: Rises with each edit; the ETag of the API.
    generation = models.PositiveIntegerField(default=1, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    #: The last evaluation that failed. None: it fails on no broker.
    broken_at = models.DateTimeField(null=True, editable=False)
    broken_text = models.TextField(blank=True, editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class AlertEvaluation(models.Model):
    """The last evaluation of all rules for one broker; without a broker, for the console itself.

    Its row lock lets only one evaluation run at a time, and `evaluated_at` only rises.
    """

    broker = models.ForeignKey(Broker, null=True, on_delete=models.CASCADE, related_name="+")
    #: The time of the figures: None if none were evaluated yet.
    evaluated_at = models.DateTimeField(null=True)
    took_ms = models.IntegerField(null=True)
    #: {rule ID as text: sentence}: why a rule can't be evaluated here.
    not_evaluated = models.JSONField(default=dict)
    #: {rule ID as text: sentence}: rules whose evaluation failed here.
    broken = models.JSONField(default=dict)
    #: How many conditions held per rule that has any: {rule ID as text: number}.
    found = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["broker"], name="one_evaluation_of_a_broker", nulls_distinct=False
            ),
        ]

    def __str__(self) -> str:
        return f"evaluation of broker {self.broker_id}"


class AlertBaseline(models.Model):
    """The policies in force on a queue that count as expected: what a change is compared with."""

    queue = models.OneToOneField(
        Queue, primary_key=True, on_delete=models.CASCADE, related_name="+", db_constraint=False
    )
    #: Recognizes names and definitions of its policy and operator policy.
    digest = models.TextField()
    policy = models.TextField(blank=True)
    operator_policy = models.TextField(blank=True)
    at = models.DateTimeField()
    #: Since when the queue has others than these; None: it has these.
    differs_since = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"policies of queue {self.queue_id}"


class AlertOwner(models.Model):
    """Who is responsible for what a pattern covers. The first by `position` that matches counts."""

    position = models.IntegerField(default=0)
    name = models.CharField(max_length=200)
    #: How people reach them: an address, a chat room, a phone number.
    contact = models.TextField(blank=True)
    broker_pattern = models.TextField(default="*")
    vhost_pattern = models.TextField(default="*")
    queue_pattern = models.TextField(default="*")

    class Meta:
        ordering = ["position", "id"]

    def __str__(self) -> str:
        return self.name


class MaintenanceWindow(models.Model):
    """A time in which incidents in its scope notify nobody. They are evaluated all the same."""

    reason = models.TextField()
    #: Empty: any environment.
    environment = models.CharField(max_length=16, choices=Environment.choices, blank=True)
    #: None of them: every broker (of the environment).
    brokers = models.ManyToManyField(Broker, blank=True, related_name="+")
    vhost_pattern = models.TextField(default="*")
    queue_pattern = models.TextField(default="*")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.TextField(blank=True)
    created_by_id = models.BigIntegerField(null=True)

    class Meta:
        ordering = ["-starts_at", "-id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_at__gt=models.F("starts_at")), name="window_ends_after_start"
            ),
        ]

    def __str__(self) -> str:
        return f"maintenance {self.starts_at:%Y-%m-%d %H:%M} – {self.ends_at:%Y-%m-%d %H:%M}"
