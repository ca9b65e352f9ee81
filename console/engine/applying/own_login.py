"""Refuse what would lock the console out of a broker: changes to the user it signs in with.

Every proposal is checked (console.engine.proposal), and each step again before it is sent
(console.engine.applying.before_call), from wherever it comes: page, API, admin, file, command,
drift, retry.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from console.kinds.common.kind import Ref
from console.kinds.registry import KINDS
from console.models import Broker


@dataclass(frozen=True, slots=True)
class LockOut:
    """Why a change is refused. `field` is the field of the object that causes it."""

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
    """Return why the console couldn't sign in to the broker after this change, or couldn't do its
    work there; None if it could. `before` and `after` are specs; None: the object doesn't or
    shouldn't exist.
    """
    found = KINDS[ref.kind].locks_out(broker.username, ref.key, before, after, new_password)
    if found is None:
        return None
    field, reason = found
    return LockOut(
        field,
        f"The console signs in to {broker.name} as {broker.username}{reason} First "
        "edit the broker in the console and give it another user.",
    )
