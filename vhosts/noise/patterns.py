"""Add and remove noise patterns, with an audit entry each."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.http import Http404

from accessctl import globs
from accessctl.authorize import AnyUser, may, require
from accessctl.reach import Place, reach_of
from accessctl.rights import Permission
from console.audit import record
from console.errors import InvalidField, NotAllowed
from console.models import Broker
from vhosts.models import NoisePattern
from vhosts.noise.mark import mark_noise

MOST_PATTERNS = 200


def seen_by(user: AnyUser) -> QuerySet[NoisePattern]:
    """Return the patterns of every broker that the user sees, and those of the fleet."""
    visible = Broker.objects.visible_to(user)
    return NoisePattern.objects.filter(Q(broker=None) | Q(broker__in=visible)).select_related(
        "broker"
    )


def may_change(user: AnyUser, broker: Broker | None) -> bool:
    """Return whether the user may add and remove patterns: with brokers:edit on the broker, for the
    fleet on all brokers."""
    if broker is None:
        return reach_of(user).covers(Permission.BROKERS_EDIT, Place())
    return may(user, Permission.BROKERS_EDIT, broker)


def _require(user: AnyUser, broker: Broker | None) -> None:
    if broker is not None:
        require(user, Permission.BROKERS_EDIT, broker)
    elif not may_change(user, None):
        raise NotAllowed(
            "Patterns for all brokers need brokers:edit on all of them. Choose one broker.",
            {"permission": str(Permission.BROKERS_EDIT)},
        )


def add_pattern(
    pattern: str, broker: Broker | None, reason: str, *, acting_user: Any, now: datetime
) -> NoisePattern:
    """Add a pattern and mark the queues that match. Raises InvalidField, NotAllowed."""
    _require(acting_user, broker)
    if not pattern:
        raise InvalidField("pattern", "Enter a pattern, such as celery@*.pidbox.")
    if fault := globs.fault(pattern):
        raise InvalidField("pattern", fault)
    if globs.is_everything(pattern):
        raise InvalidField(
            "pattern", "This pattern matches every queue. Add a part of the names to it."
        )
    if NoisePattern.objects.count() >= MOST_PATTERNS:
        raise InvalidField("pattern", f"The limit is {MOST_PATTERNS} patterns. Remove one first.")
    try:
        with transaction.atomic():
            made = NoisePattern.objects.create(
                pattern=pattern,
                broker=broker,
                reason=reason,
                created_at=now,
                author_name=getattr(acting_user, "username", ""),
            )
    except IntegrityError:
        raise InvalidField("pattern", "This pattern exists already.") from None
    _record("noise:add", made, acting_user, reason)
    mark_noise(None if broker is None else broker.pk, now)
    return made


def remove_pattern(pk: int, *, acting_user: Any, now: datetime, reason: str = "") -> None:
    """Remove a pattern; its queues are listed again. Raises Http404, NotAllowed."""
    found = seen_by(acting_user).filter(pk=pk).first()
    if found is None:
        raise Http404("Pattern not found.")
    _require(acting_user, found.broker)
    _record("noise:remove", found, acting_user, reason)
    found.delete()
    mark_noise(found.broker_id, now)


def _record(action: str, pattern: NoisePattern, user: Any, reason: str) -> None:
    record(
        action,
        target_kind="noise pattern",
        target=pattern.pattern,
        acting_user=user,
        broker=pattern.broker,
        after={"pattern": pattern.pattern} if action == "noise:add" else None,
        before={"pattern": pattern.pattern} if action == "noise:remove" else None,
        reason=reason,
    )
