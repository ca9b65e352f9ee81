from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models
from django.db.models import Q

from accessctl.reach import reach_of
from accessctl.rights import Permission
from console.models import Broker
from vhosts.alerts.tables.choices import (
    EventKind,
    IncidentState,
    ResolvedBy,
    Severity,
    SubjectKind,
)
from vhosts.alerts.tables.rules import AlertOwner, AlertRule, MaintenanceWindow

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser


class AlertIncidentQuerySet(models.QuerySet["AlertIncident"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> AlertIncidentQuerySet:
        """Return what the user may see. Incidents of a broker as a whole need a grant on all of its
        virtual hosts, those of the console a grant on all brokers."""
        return self.filter(reach_of(user).objects(Permission.ALERTS_VIEW))

    def open(self) -> AlertIncidentQuerySet:
        """Return those that aren't resolved, pending ones included."""
        return self.filter(resolved_at=None)


class AlertIncident(models.Model):
    """One time that a rule's condition held for one subject, from pending to resolved.

    There is at most one open incident of a rule and subject. Written by vhosts.alerts only: by the
    evaluation after a poll, the watch job, and people's acknowledgements.
    """

    #: None: the rule was deleted.
    rule = models.ForeignKey(AlertRule, null=True, on_delete=models.SET_NULL, related_name="+")
    rule_name = models.TextField()
    severity = models.CharField(max_length=16, choices=Severity.choices)
    #: None: about the console itself.
    broker = models.ForeignKey(Broker, null=True, on_delete=models.CASCADE, related_name="+")
    subject_kind = models.CharField(max_length=16, choices=SubjectKind.choices)
    vhost = models.TextField(blank=True)
    #: Of the node, queue, exchange or object; empty for a broker and a virtual host.
    name = models.TextField(blank=True)
    state = models.CharField(max_length=16, choices=IncidentState.choices)
    #: While `no_data`: the state before; data that is back restores it.
    state_before = models.CharField(max_length=16, choices=IncidentState.choices, blank=True)
    state_since = models.DateTimeField()
    #: The last value that was seen. None: the condition has no figure.
    value = models.FloatField(null=True)
    #: The rule's threshold when it was last evaluated.
    threshold = models.FloatField(null=True)
    #: One sentence of evidence, from the last evaluation: names from a broker, so hostile.
    detail = models.TextField(blank=True)
    #: Since when the condition holds.
    since = models.DateTimeField()
    fired_at = models.DateTimeField(null=True)
    #: Since when the condition no longer holds, while the rule's `keep_s` passes.
    clear_since = models.DateTimeField(null=True)
    resolved_at = models.DateTimeField(null=True)
    resolved_by = models.CharField(max_length=16, choices=ResolvedBy.choices, blank=True)
    #: When its value or evidence last changed. AlertEvaluation has when it was last looked at.
    last_evaluated_at = models.DateTimeField()
    #: When the last event that notifies was written; a reminder is due `reminder_s` later.
    notified_at = models.DateTimeField(null=True)
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.TextField(blank=True)
    acknowledged_by_id = models.BigIntegerField(null=True)
    snoozed_until = models.DateTimeField(null=True)
    note = models.TextField(blank=True)
    #: It fired in a maintenance window, and nobody was notified since.
    muted = models.BooleanField(default=False)
    owner = models.ForeignKey(AlertOwner, null=True, on_delete=models.SET_NULL, related_name="+")
    #: The number of its last event.
    transitions = models.PositiveIntegerField(default=0)

    objects = AlertIncidentQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["rule", "broker", "subject_kind", "vhost", "name"],
                condition=Q(resolved_at=None),
                nulls_distinct=False,
                name="one_open_incident_of_a_subject",
            ),
            models.CheckConstraint(
                condition=Q(state=IncidentState.RESOLVED, resolved_at__isnull=False)
                | (~Q(state=IncidentState.RESOLVED) & Q(resolved_at=None)),
                name="resolved_has_its_time",
            ),
        ]
        indexes = [
            models.Index(
                fields=["broker", "rule"], condition=Q(resolved_at=None), name="open_incidents"
            ),
            models.Index(fields=["broker", "vhost", "name", "-id"], name="incidents_of_a_subject"),
            models.Index(fields=["-resolved_at"], name="incidents_by_end"),
        ]

    def __str__(self) -> str:
        return f"{self.rule_name}: {self.name or self.vhost or self.subject_kind}"

    @property
    def is_open(self) -> bool:
        return self.resolved_at is None


class AlertEvent(models.Model):
    """A transition of an incident, written in the same transaction. The outbox of notifications:
    the notifier sets `handled_at` in the transaction in which it writes what it will send.

    Events of one evaluation have the same `at`: group them by rule, broker, kind and `at`.
    """

    incident = models.ForeignKey(AlertIncident, on_delete=models.CASCADE, related_name="events")
    #: 1, 2, 3 … within the incident.
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=16, choices=EventKind.choices)
    at = models.DateTimeField()
    value = models.FloatField(null=True)
    #: The evidence at that time.
    text = models.TextField(blank=True)
    #: Who did it; empty: the console.
    by = models.TextField(blank=True)
    #: The maintenance window that mutes it. Muted events must not notify anybody.
    muted = models.BooleanField(default=False)
    window = models.ForeignKey(
        MaintenanceWindow, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    #: None: its notifications aren't written yet.
    handled_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["incident", "number"], name="one_event_of_a_number"),
        ]
        indexes = [
            models.Index(fields=["id"], condition=Q(handled_at=None), name="unhandled_events"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of incident {self.incident_id}"
