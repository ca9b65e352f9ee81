"""Ignore a finding with a reason, and stop ignoring it. Both are audited."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import Q
from django.http import Http404

from accessctl.authorize import AnyUser, may, require
from accessctl.reach import reach_of
from accessctl.rights import Permission
from console.audit import record
from console.errors import InvalidField
from console.models import Broker
from vhosts.diagnosis.rules import BY_NAME
from vhosts.models import IgnoredFinding

MOST_REASON = 1000
_MOST_NAME = 255


def require_ignore(user: AnyUser, broker: Broker, vhost: str) -> None:
    """Raise NotAllowed unless the user may hide findings from everybody: with brokers:edit on the
    virtual host, or on the whole broker for findings about it."""
    require(user, Permission.BROKERS_EDIT, broker, vhost or None)


def may_ignore(user: AnyUser, broker: Broker, vhost: str) -> bool:
    return may(user, Permission.BROKERS_EDIT, broker, vhost or None)


def ignore(
    broker: Broker,
    rule: str,
    vhost: str,
    name: str,
    reason: str,
    *,
    acting_user: Any,
    now: datetime,
) -> IgnoredFinding:
    """Ignore a rule's findings in one place; `name` "" for all objects there. A second time updates
    the reason. Raises InvalidField, NotAllowed."""
    require_ignore(acting_user, broker, vhost)
    if rule not in BY_NAME:
        raise InvalidField("rule", "There is no rule of this name.")
    if not reason.strip():
        raise InvalidField("reason", "Enter a reason, so that others know why it is ignored.")
    if len(reason) > MOST_REASON:
        raise InvalidField("reason", f"A reason has at most {MOST_REASON} characters.")
    for field, text in (("vhost", vhost), ("name", name), ("reason", reason)):
        if "\0" in text or (field != "reason" and len(text.encode(errors="replace")) > _MOST_NAME):
            raise InvalidField(field, "This isn't a valid name.")
    row, _ = IgnoredFinding.objects.update_or_create(
        broker=broker, rule=rule, vhost=vhost, name=name,
        defaults={
            "reason": reason.strip(), "at": now,
            "author": acting_user if acting_user.pk else None,
            "author_name": acting_user.get_username(),
        },
    )  # fmt: skip
    _record("findings:ignore", row, acting_user, row.reason)
    return row


def ignored_by(user: AnyUser) -> Any:
    """Return the ignored findings that the user may see: those in virtual hosts whose queues they
    see, and on brokers whose users they see."""
    reach = reach_of(user)
    inside = Q(vhost__gt="") & reach.objects(Permission.QUEUES_VIEW)
    whole = Q(vhost="") & reach.objects(Permission.USERS_VIEW, vhost="")
    rows = IgnoredFinding.objects.filter(inside | whole).select_related("broker")
    return rows.order_by("-at", "-pk")


def stop_ignoring(pk: int, *, acting_user: Any, reason: str = "") -> IgnoredFinding:
    """Raises Http404, NotAllowed."""
    row: IgnoredFinding | None = ignored_by(acting_user).filter(pk=pk).first()
    if row is None:
        raise Http404("Not found.")
    require_ignore(acting_user, row.broker, row.vhost)
    _record("findings:heed", row, acting_user, reason)
    row.delete()
    return row


def _record(action: str, row: IgnoredFinding, user: Any, reason: str) -> None:
    place = " / ".join(part for part in (row.rule, row.vhost, row.name) if part)
    record(
        action, target_kind="finding", target=place, acting_user=user, broker=row.broker,
        after={"reason": row.reason} if action == "findings:ignore" else None, reason=reason,
    )  # fmt: skip
