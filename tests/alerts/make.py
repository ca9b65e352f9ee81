"""Rows of alerts, as an evaluation would have written them."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import uuid4

from console.models import Broker
from console.rabbitmq.endpoint import Secret
from console.secrets import encrypt
from vhosts.models import AlertChannel, AlertEvent, AlertIncident, AlertRule


def make_rule(name: str = "No consumers", **columns: Any) -> AlertRule:
    return AlertRule.objects.create(
        name=name,
        **{
            "type": "queue_no_consumers",
            "threshold": 0,
            "enabled": True,
            "severity": "critical",
            **columns,
        },
    )


def make_channel(url: str, name: str = "", **columns: Any) -> AlertChannel:
    return AlertChannel.objects.create(
        name=name or f"channel {uuid4().hex[:6]}",
        **{"kind": "webhook", "about": "a sink", "url_encrypted": encrypt(Secret(url)), **columns},
    )


def fire(
    rule: AlertRule, broker: Broker | None, name: str, at: datetime, **columns: Any
) -> AlertIncident:
    """An incident that fires, with its event."""
    incident = AlertIncident.objects.create(
        rule=rule, broker=broker, name=name,
        **{
            "rule_name": rule.name, "severity": rule.severity, "subject_kind": "queue", "vhost": "/", "state": "firing",
            "state_since": at, "since": at, "fired_at": at, "last_evaluated_at": at, "detail": "1,204 ready, no consumers.",
            "value": 1204.0, "threshold": 1.0, "transitions": 1, **columns,
        },
    )  # fmt: skip
    add_event(incident, "fired", at)
    return incident


def add_event(incident: AlertIncident, kind: str, at: datetime, **columns: Any) -> AlertEvent:
    number = incident.events.count() + 1
    incident.transitions = number
    incident.save(update_fields=["transitions"])
    return AlertEvent.objects.create(
        incident=incident, kind=kind, at=at, number=number, **{"text": incident.detail, **columns}
    )


def resolve(incident: AlertIncident, at: datetime) -> None:
    incident.state, incident.resolved_at, incident.resolved_by = "resolved", at, "cleared"
    incident.state_since = at
    incident.save()
    add_event(incident, "resolved", at)
