"""The audit log: one row per act, written in the same transaction as what it describes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from structlog.contextvars import get_contextvars

from console.client_address import user_agent
from console.models.audit import AuditEntry
from console.models.brokers import Broker
from console.models.changes import Change, Step

User = AbstractBaseUser | AnonymousUser | None


def record(
    action: str,
    *,
    target_kind: str,
    target: str,
    acting_user: User,
    broker: Broker | None = None,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    reason: str = "",
) -> AuditEntry:
    """Add a row. `action` is `<resource>:<verb>`. `before` and `after` contain no secrets: a
    changed password is recorded as `{"password": "changed"}`. `acting_user` None is the console
    itself.
    """
    context = get_contextvars()
    return AuditEntry.objects.create(
        action=action,
        target_kind=target_kind,
        target=target,
        broker_name=broker.name if broker else "",
        broker_id_then=broker.pk if broker else None,
        user_id_then=getattr(acting_user, "pk", None),
        username=getattr(acting_user, "username", "") or "console",
        address=context.get("ip") or None,
        user_agent=user_agent.get(),
        request_id=str(context.get("request_id", "")),
        before=before,
        after=after,
        reason=reason,
    )


def record_change(change: Change, steps: Sequence[Step], *, acting_user: User) -> None:
    """Add one row per step of an accepted change. `before` and `after` of steps contain no secrets;
    the row records that a password was given."""
    context = get_contextvars()
    AuditEntry.objects.bulk_create(
        [
            AuditEntry(
                action=f"{step.target.kind}:{step.op}",
                target_kind=step.target.kind,
                target=" / ".join(step.target.key),
                broker_name=step.broker.name,
                broker_id_then=step.broker_id,
                user_id_then=getattr(acting_user, "pk", None),
                username=getattr(acting_user, "username", "") or "console",
                address=context.get("ip") or None,
                user_agent=user_agent.get(),
                request_id=str(context.get("request_id", "")),
                change_id_then=change.pk,
                before=step.before,
                after=_after(step),
                reason=change.reason,
            )
            for step in steps
        ],
        batch_size=1000,
    )


def _after(step: Step) -> dict[str, Any] | None:
    if step.is_act:
        return dict(step.parameters) or None
    found: dict[str, Any] | None = step.after
    return {**(found or {}), "password": "changed"} if step.secrets_encrypted else found
