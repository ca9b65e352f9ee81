"""Create, edit and end maintenance windows; edit owners."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from accessctl.authorize import AnyUser
from console import audit
from console.errors import InvalidField, NotThere
from console.models import Broker
from vhosts.alerts.edit.checks import (
    environment,
    line,
    may_edit,
    number,
    pattern,
    require_scope,
    text,
)
from vhosts.alerts.tables.rules import AlertOwner, MaintenanceWindow

_LONGEST = timedelta(days=90)


def may_edit_window(user: AnyUser, window: MaintenanceWindow) -> bool:
    """Return whether the user may edit and end the window."""
    return may_edit(user, list(window.brokers.all()), window.environment, window.vhost_pattern)


def save_window(
    window_id: int | None,
    fields: Mapping[str, Any],
    brokers: Sequence[Broker],
    person: AnyUser,
    now: datetime,
) -> MaintenanceWindow:
    """Create a window (`window_id` None) or replace its fields: reason, environment,
    vhost_pattern, queue_pattern, starts_at, ends_at. Raises InvalidField, NotAllowed, NotThere."""
    columns: dict[str, Any] = {
        "reason": line("reason", fields.get("reason"), 500),
        "environment": environment(fields.get("environment", "")),
        "vhost_pattern": pattern("vhost_pattern", fields.get("vhost_pattern")),
        "queue_pattern": pattern("queue_pattern", fields.get("queue_pattern")),
        **_times(fields, now),
    }
    require_scope(person, brokers, columns["environment"], columns["vhost_pattern"])
    with transaction.atomic():
        before = None
        if window_id is None:
            window = MaintenanceWindow(
                created_by=str(getattr(person, "username", "")),
                created_by_id=getattr(person, "pk", None),
            )
        else:
            window = _locked_window(window_id, person)
            before = _window_audited(window)
        for name, value in columns.items():
            setattr(window, name, value)
        window.save()
        window.brokers.set(brokers)
        verb = "add_window" if before is None else "edit_window"
        _record(verb, "maintenance_window", window.reason, person, before, _window_audited(window))
    return window


def end_window(window_id: int, person: AnyUser, now: datetime) -> None:
    """End a window now; one that hasn't begun is deleted. Raises NotThere, NotAllowed."""
    with transaction.atomic():
        window = _locked_window(window_id, person)
        before = _window_audited(window)
        after = None
        if window.starts_at >= now:
            window.delete()
        else:
            window.ends_at = min(window.ends_at, now)
            window.save(update_fields=["ends_at"])
            after = _window_audited(window)
        _record("end_window", "maintenance_window", window.reason, person, before, after)


def save_owner(owner_id: int | None, fields: Mapping[str, Any], person: AnyUser) -> AlertOwner:
    """Create an owner or replace its fields: position, name, contact, broker_pattern,
    vhost_pattern, queue_pattern. A pattern of broker names needs the right on all brokers. Raises InvalidField, NotAllowed, NotThere."""
    columns: dict[str, Any] = {
        "position": int(number("position", fields.get("position", 0))),
        "name": line("name", fields.get("name"), 200),
        "contact": text("contact", fields.get("contact")),
        **{
            name: pattern(name, fields.get(name))
            for name in ("broker_pattern", "vhost_pattern", "queue_pattern")
        },
    }
    if abs(columns["position"]) > 1_000_000:
        raise InvalidField("position", "Enter a number up to 1,000,000.")
    _require_owner_scope(person, columns["broker_pattern"], columns["vhost_pattern"])
    with transaction.atomic():
        before = None
        if owner_id is None:
            owner = AlertOwner()
        else:
            owner = _locked_owner(owner_id, person)
            before = _owner_audited(owner)
        for name, value in columns.items():
            setattr(owner, name, value)
        owner.save()
        verb = "add_owner" if before is None else "edit_owner"
        _record(verb, "alert_owner", owner.name, person, before, _owner_audited(owner))
    return owner


def delete_owner(owner_id: int, person: AnyUser) -> None:
    """Delete an owner; incidents keep none. Raises NotThere, NotAllowed."""
    with transaction.atomic():
        owner = _locked_owner(owner_id, person)
        _record("delete_owner", "alert_owner", owner.name, person, _owner_audited(owner), None)
        owner.delete()


def may_edit_owner(user: AnyUser, owner: AlertOwner) -> bool:
    """Return whether the user may edit the owner."""
    return _may_own(user, owner.broker_pattern, owner.vhost_pattern)


def _may_own(user: AnyUser, broker_pattern: str, vhost_pattern: str) -> bool:
    if "*" in broker_pattern:
        # It may match any broker that is added later.
        return may_edit(user, (), "", vhost_pattern)
    named = list(Broker.objects.filter(name=broker_pattern))
    return may_edit(user, named, "", vhost_pattern)


def _require_owner_scope(person: AnyUser, broker_pattern: str, vhost_pattern: str) -> None:
    if not _may_own(person, broker_pattern, vhost_pattern):
        require_scope(person, (), "", vhost_pattern)


def _times(fields: Mapping[str, Any], now: datetime) -> dict[str, datetime]:
    starts, ends = fields.get("starts_at") or now, fields.get("ends_at")
    if not isinstance(starts, datetime) or not isinstance(ends, datetime):
        raise InvalidField("ends_at", "Enter when the window ends.")
    if ends <= starts:
        raise InvalidField("ends_at", "The window must end after it starts.")
    if ends <= now:
        raise InvalidField("ends_at", "The window must end in the future.")
    if ends - starts > _LONGEST:
        raise InvalidField("ends_at", f"A window lasts at most {_LONGEST.days} days.")
    return {"starts_at": starts, "ends_at": ends}


def _locked_window(window_id: int, person: AnyUser) -> MaintenanceWindow:
    window = MaintenanceWindow.objects.select_for_update().filter(pk=window_id).first()
    if window is None:
        raise NotThere("This maintenance window doesn't exist any more.")
    require_scope(person, list(window.brokers.all()), window.environment, window.vhost_pattern)
    return window


def _locked_owner(owner_id: int, person: AnyUser) -> AlertOwner:
    owner = AlertOwner.objects.select_for_update().filter(pk=owner_id).first()
    if owner is None:
        raise NotThere("This owner doesn't exist any more.")
    _require_owner_scope(person, owner.broker_pattern, owner.vhost_pattern)
    return owner


def _window_audited(window: MaintenanceWindow) -> dict[str, Any]:
    return {
        "reason": window.reason,
        "environment": window.environment,
        "brokers": sorted(one.name for one in window.brokers.all()),
        "vhost_pattern": window.vhost_pattern,
        "queue_pattern": window.queue_pattern,
        "starts_at": window.starts_at.isoformat(),
        "ends_at": window.ends_at.isoformat(),
    }


def _owner_audited(owner: AlertOwner) -> dict[str, Any]:
    names = ("position", "name", "contact", "broker_pattern", "vhost_pattern", "queue_pattern")
    return {name: getattr(owner, name) for name in names}


def _record(verb: str, kind: str, target: str, person: AnyUser, before: Any, after: Any) -> None:
    audit.record(
        f"alerts:{verb}",
        target_kind=kind,
        target=target,
        acting_user=person,
        before=before,
        after=after,
    )
