"""The audit trail: one row for each act, written in the same transaction as what it describes."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from structlog.contextvars import get_contextvars

from console.models.audit import AuditEntry
from console.models.brokers import Broker

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
    """`action` is `<resource>:<verb>`. `before` and `after` hold no secrets: a changed password is
    told as `{"password": "changed"}`. `acting_user` None is the console itself."""
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
        request_id=str(context.get("request_id", "")),
        before=before,
        after=after,
        reason=reason,
    )
