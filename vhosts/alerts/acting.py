"""What people do about incidents: acknowledge, reopen, snooze. The faces check the right first;
`may_act_on` says it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import transaction

from accessctl.authorize import AnyUser, may, may_over
from accessctl.reach import Place
from accessctl.rights import Permission
from console import audit
from console.errors import InvalidField, NotThere
from vhosts.alerts.tables.choices import EventKind, IncidentState
from vhosts.alerts.tables.incidents import AlertEvent, AlertIncident

MOST_SNOOZED = timedelta(days=30)
_NOTE_CHARACTERS = 2_000
#: States in which somebody can do something about an incident.
_OPEN = (IncidentState.FIRING, IncidentState.ACKNOWLEDGED, IncidentState.SNOOZED)


def may_act_on(user: AnyUser, incident: AlertIncident) -> bool:
    """Return whether the user may acknowledge and snooze the incident."""
    if incident.broker is None:
        return may_over(user, Permission.ALERTS_ACKNOWLEDGE, Place())
    return may(user, Permission.ALERTS_ACKNOWLEDGE, incident.broker, incident.vhost or None)


def acknowledge(incident_id: int, person: AnyUser, now: datetime, note: str = "") -> AlertIncident:
    """Somebody takes care of it: no reminders until it ends. Acknowledging twice changes nothing
    but the note. Raises NotThere, InvalidField."""

    def change(incident: AlertIncident) -> None:
        incident.acknowledged_at = now
        incident.acknowledged_by = str(getattr(person, "username", ""))
        incident.acknowledged_by_id = getattr(person, "pk", None)
        incident.snoozed_until = None

    return _move(
        incident_id, person, now, IncidentState.ACKNOWLEDGED, EventKind.ACKNOWLEDGED, note, change
    )


def reopen(incident_id: int, person: AnyUser, now: datetime, note: str = "") -> AlertIncident:
    """Withdraw an acknowledgement or end a snooze. Raises NotThere, InvalidField."""

    def change(incident: AlertIncident) -> None:
        incident.acknowledged_at = None
        incident.acknowledged_by = ""
        incident.acknowledged_by_id = None
        incident.snoozed_until = None
        incident.notified_at = now

    return _move(incident_id, person, now, IncidentState.FIRING, EventKind.REOPENED, note, change)


def snooze(
    incident_id: int, until: datetime, person: AnyUser, now: datetime, note: str = ""
) -> AlertIncident:
    """No reminders until `until`; if it still fires then, it is reported again. Raises NotThere,
    InvalidField."""
    if not now < until <= now + MOST_SNOOZED:
        raise InvalidField("until", f"Select a time within the next {MOST_SNOOZED.days} days.")

    def change(incident: AlertIncident) -> None:
        incident.snoozed_until = until

    return _move(incident_id, person, now, IncidentState.SNOOZED, EventKind.SNOOZED, note, change)


def _move(
    incident_id: int,
    person: AnyUser,
    now: datetime,
    state: IncidentState,
    kind: EventKind,
    note: str,
    change: Callable[[AlertIncident], None],
) -> AlertIncident:
    note = note.replace("\x00", "").strip()
    if len(note) > _NOTE_CHARACTERS:
        raise InvalidField("note", f"A note has at most {_NOTE_CHARACTERS:,} characters.")
    with transaction.atomic():
        # Its evaluation may move it at the same time: the row's lock orders the two.
        rows = AlertIncident.objects.select_for_update(of=("self",)).select_related("broker")
        incident = rows.filter(pk=incident_id).first()
        if incident is None:
            raise NotThere("This incident doesn't exist any more.")
        unseen = incident.state == IncidentState.NO_DATA
        before = incident.state_before if unseen else incident.state
        if before not in _OPEN:
            raise NotThere(
                "This incident is already resolved."
                if incident.resolved_at
                else "This incident hasn't fired yet."
            )
        incident.note = note or incident.note
        if before == state != IncidentState.SNOOZED:
            incident.save(update_fields=["note"])
            return incident
        was = {"state": before, "snoozed_until": _text(incident.snoozed_until)}
        if unseen:
            incident.state_before = state
        else:
            incident.state, incident.state_since = state, now
        change(incident)
        incident.transitions += 1
        incident.save()
        AlertEvent.objects.create(
            incident=incident,
            number=incident.transitions,
            kind=kind,
            at=now,
            value=incident.value,
            text=note,
            by=str(getattr(person, "username", "")),
            muted=incident.muted,
        )
        audit.record(
            f"alerts:{kind}",
            target_kind="alert",
            target=f"{incident.rule_name}: {describe(incident)}",
            broker=incident.broker,
            acting_user=person,
            before=was,
            after={"state": state, "snoozed_until": _text(incident.snoozed_until)},
            reason=note,
        )
    return incident


def describe(incident: AlertIncident) -> str:
    """Return the incident's subject for a sentence, such as `queue orders in /`."""
    kind = incident.get_subject_kind_display().lower()
    if incident.name:
        where = f" in {incident.vhost}" if incident.vhost else ""
        return f"{kind} {incident.name}{where}"
    if incident.vhost:
        return f"{kind} {incident.vhost}"
    return str(incident.broker) if incident.broker else kind


def _text(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
