"""Permissions and topic permissions in a plan of several objects (POST /api/v1/plans/)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from accessctl.permissions.rules import (
    Patterns,
    clear_permissions,
    clear_topic_permission,
    set_permissions,
    set_topic_permission,
)
from console.engine.accept import Wish
from console.errors import InvalidField
from console.kinds.common.kind import Ref


def plan_permission(
    fields: dict[str, Any], absent: bool, user: Any, making: Collection[Ref]
) -> list[Wish]:
    """See console.faces.face.Planned. Raises NotAllowed, InvalidField."""
    where: dict[str, Any] = {
        "broker": fields["broker"],
        "vhosts": [fields["vhost"]],
        "users": [fields["user"]],
        "acting_user": user,
    }
    if absent:
        return clear_permissions(**where)
    patterns = Patterns(*_patterns(fields, "configure", "write", "read"))
    return set_permissions(**where, patterns=patterns, making=making)


def plan_topic_permission(
    fields: dict[str, Any], absent: bool, user: Any, making: Collection[Ref]
) -> list[Wish]:
    """As `plan_permission`."""
    if absent:
        return [clear_topic_permission(**fields, acting_user=user)]
    _patterns(fields, "write", "read")
    return [set_topic_permission(**fields, acting_user=user, making=making)]


def _patterns(fields: dict[str, Any], *names: str) -> list[str]:
    missing = [name for name in names if name not in fields]
    if missing:
        raise InvalidField(missing[0], f"Give {', '.join(names)}; missing: {', '.join(missing)}.")
    return [fields[name] for name in names]
