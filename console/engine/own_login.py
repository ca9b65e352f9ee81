"""The user that the console logs in with: what would lock it out of a broker.

Asked of every wish (console.engine.accept) and again before its step is sent (console.engine.attempt),
whichever door it came by: a page, the API, the administration, a file, a command, drift, a retry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from console.kinds.common.kind import Ref
from console.kinds.permission import PERMISSION
from console.kinds.user import USER
from console.models import Broker

PASSWORD_FIELDS = ("password_hash", "hashing_algorithm")
#: From the most to the least that the management API lets a user see.
_TAGS = ("administrator", "monitoring", "policymaker", "management")
_NOTHING = ("", "^$")


@dataclass(frozen=True, slots=True)
class LockOut:
    """`field` names what of the object would do it."""

    field: str
    message: str


def lock_out(
    broker: Broker,
    ref: Ref,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
    *,
    new_password: bool = False,
) -> LockOut | None:
    """Why the console could not log in to the broker after this, or no longer do its work there; None where it could.
    `before` and `after` are specs: None for an object that is not there, or is not to be."""
    if ref.kind == USER.name and ref.key[0] == broker.username:
        found = _of_user(before or {}, after, new_password)
    elif ref.kind == PERMISSION.name and ref.key[1] == broker.username:
        found = _of_permission(ref.key[0], before, after)
    else:
        return None
    if found is None:
        return None
    field, reason = found
    return LockOut(
        field,
        f"The console signs in to {broker.name} as {broker.username}{reason} First "
        "edit the broker in the console and give it another user.",
    )


def _of_user(
    before: Mapping[str, Any], after: Mapping[str, Any] | None, new_password: bool
) -> tuple[str, str] | None:
    if after is None:
        return "name", ". Without this user the console can't connect."
    if new_password:
        return "password", ". With another password the console can't connect."
    had = _best_tag(before)
    if _rank(had) < _rank(_best_tag(after)):
        lost = "change" if had == _TAGS[0] else "see"
        return "tags", f". Without the tag {had} it can't {lost} anything there."
    limits = after.get("limits") or {}
    for name, value in limits.items():
        if value == 0 and (before.get("limits") or {}).get(name) != 0:
            return "limits", f". With {name} 0 it can't read queues over AMQP."
    return None


def _best_tag(spec: Mapping[str, Any]) -> str:
    """The tag that the management API goes by; "" where there is none."""
    tags = spec.get("tags") or []
    return next((tag for tag in _TAGS if tag in tags), "")


def _rank(tag: str) -> int:
    return _TAGS.index(tag) if tag else len(_TAGS)


def _of_permission(
    vhost: str, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> tuple[str, str] | None:
    if before is None or _is_nothing(before) or (after is not None and not _is_nothing(after)):
        return None
    return (
        "user",
        f". Without a permission it can't read or change queues in the virtual host {vhost}.",
    )


def _is_nothing(spec: Mapping[str, Any]) -> bool:
    return all(spec.get(name, "") in _NOTHING for name in ("configure", "write", "read"))
