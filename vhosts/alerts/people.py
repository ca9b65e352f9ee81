"""What people do to alerts: acknowledge, snooze, and take both back. Each in one transaction with its
event and its audit row."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import transaction

from console.audit import record
from console.errors import InvalidField
from vhosts.alerts.tables.choices import EventKind, IncidentState
from vhosts.alerts.tables.incidents import AlertEvent, AlertIncident

LONGEST_NOTE: Final = 2000
LONGEST_SNOOZE: Final = timedelta(days=30)
_TAKES: Final = {
    EventKind.ACKNOWLEDGED: (IncidentState.FIRING, IncidentState.SNOOZED),
    EventKind.SNOOZED: (IncidentState.FIRING, IncidentState.ACKNOWLEDGED, IncidentState.SNOOZED),
}
Person = AbstractBaseUser | AnonymousUser


def acknowledge(
    ids: Iterable[int], *, note: str, now: datetime, acting_user: Person | None, by: str = ""
) -> int:
    """Acknowledge those of the incidents that fire: no reminders until they resolve. Return how many.
    `by` stands for the user's name where nobody is signed in. Raises InvalidField."""
    return _act(ids, EventKind.ACKNOWLEDGED, note=note, now=now, acting_user=acting_user, by=by)


def snooze(
    ids: Iterable[int], *, until: datetime, note: str, now: datetime, acting_user: Person
) -> int:
    """Snooze those of the incidents that fire: no message until the time. Return how many. Raises
    InvalidField."""
    if not now < until <= now + LONGEST_SNOOZE:
        raise InvalidField("until", f"Select a time within the next {LONGEST_SNOOZE.days} days.")
    return _act(ids, EventKind.SNOOZED, note=note, now=now, acting_user=acting_user, until=until)


def _act(
    ids: Iterable[int],
    kind: EventKind,
    *,
    note: str,
    now: datetime,
    acting_user: Person | None,
    by: str = "",
    until: datetime | None = None,
) -> int:
    if len(note) > LONGEST_NOTE:
        raise InvalidField("note", f"The note is longer than {LONGEST_NOTE} characters.")
    name = by or (acting_user.get_username() if isinstance(acting_user, AbstractBaseUser) else "")
    state = IncidentState(str(kind))
    with transaction.atomic():
        rows = AlertIncident.objects.select_for_update(of=("self",)).filter(
            pk__in=list(ids), resolved_at=None
        )
        done = [one for one in rows.order_by("id") if _current(one) in _TAKES[kind]]
        for one in done:
            if one.state == IncidentState.NO_DATA:
                one.state_before = state
            else:
                one.state, one.state_since = state, now
            if kind == EventKind.ACKNOWLEDGED:
                one.acknowledged_at, one.acknowledged_by = now, name
                one.acknowledged_by_id = getattr(acting_user, "pk", None)
            one.snoozed_until = until
            one.note = note or one.note
            one.transitions += 1
        AlertIncident.objects.bulk_update(
            done,
            ["state", "state_before", "state_since", "acknowledged_at", "acknowledged_by", "acknowledged_by_id", "snoozed_until", "note", "transitions"],
            batch_size=500,
        )  # fmt: skip
        text = note or (f"Until {until:%Y-%m-%d %H:%M} UTC" if until else "")
        AlertEvent.objects.bulk_create(
            [AlertEvent(incident=one, number=one.transitions, kind=kind, at=now, value=one.value, text=text, by=name, handled_at=now) for one in done],
            batch_size=500,
        )  # fmt: skip
        if done:
            _record(kind, done, acting_user, name, note, until)
    return len(done)


def _record(
    kind: EventKind,
    done: list[AlertIncident],
    user: Person | None,
    name: str,
    note: str,
    until: datetime | None,
) -> None:
    first = done[0]
    target = f"{first.rule_name}: {first.name or first.vhost or first.subject_kind}"
    after: dict[str, object] = {"alerts": [one.pk for one in done[:1000]], "by": name}
    if until is not None:
        after["until"] = until.isoformat()
    one_broker = first.broker if len({one.broker_id for one in done}) == 1 else None
    record(
        "alerts:acknowledge" if kind == EventKind.ACKNOWLEDGED else "alerts:snooze",
        target_kind="alert",
        target=target if len(done) == 1 else f"{target} and {len(done) - 1} more",
        acting_user=user,
        broker=one_broker,
        after=after,
        reason=note,
    )


def _current(incident: AlertIncident) -> str:
    """Return the state that counts: without data, the one before."""
    return incident.state_before if incident.state == IncidentState.NO_DATA else incident.state
