"""The user that the console logs in with: what would lock it out of a broker.

Asked of every desired (console.engine.accept) and again before its step is sent (console.engine.applying.attempt),
whichever door it came by: a page, the API, the administration, a file, a command, drift, a retry.
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
    found = KINDS[ref.kind].locks_out(broker.username, ref.key, before, after, new_password)
    if found is None:
        return None
    field, reason = found
    return LockOut(
        field,
        f"The console signs in to {broker.name} as {broker.username}{reason} First "
        "edit the broker in the console and give it another user.",
    )
