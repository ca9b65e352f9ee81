"""The difference between the desired and the observed state of one object, as data."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from console.kinds.common.kind import Op, Ref, Spec
from console.kinds.registry import KINDS

__all__ = ["Difference", "FieldChange", "Op", "compare"]


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field that differs. `before` and `after` of a secret field are None: only that it changed
    may be shown."""

    name: str
    before: Any
    after: Any
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Difference:
    """How an object differs. `untold` names fields that the observation lacks although a value
    other than the default is desired: the broker's version may not have them, so equality can't be
    claimed.
    """

    ref: Ref
    op: Op
    fields: tuple[FieldChange, ...] = ()
    untold: tuple[str, ...] = ()

    @property
    def equal(self) -> bool:
        return self.op is Op.UNCHANGED and not self.untold


def compare(ref: Ref, desired: Spec | None, observed: Spec | None) -> Difference:
    """Compare one object. `desired` None: it should not exist. `observed` None: it doesn't exist.

    A field that `observed` lacks is unknown, not default: it never counts as different. Raises
    SpecError for an impossible spec.
    """
    kind = KINDS[ref.kind]
    if desired is None:
        return Difference(ref, Op.UNCHANGED if observed is None else Op.DELETE)
    wanted = kind.canonical(desired)
    if observed is None:
        return Difference(ref, Op.CREATE, _creation(ref, wanted))
    seen = kind.canonical(observed)
    kind.align(wanted, seen)
    changes: list[FieldChange] = []
    untold: list[str] = []
    replace = False
    for field in kind.fields:
        after = wanted[field.name]
        if field.name not in observed:
            if _differ(after, field.canonical(field.default)):
                untold.append(field.name)
            continue
        before = seen[field.name]
        if _differ(before, after):
            replace = replace or field.fixed
            changes.append(_change(field.name, before, after, field.secret))
    op = Op.REPLACE if replace else Op.UPDATE if changes else Op.UNCHANGED
    return Difference(ref, op, tuple(changes), tuple(untold))


def _creation(ref: Ref, wanted: dict[str, Any]) -> tuple[FieldChange, ...]:
    kind = KINDS[ref.kind]
    return tuple(
        _change(field.name, None, wanted[field.name], field.secret)
        for field in kind.fields
        if _differ(wanted[field.name], field.canonical(field.default))
    )


def _differ(one: Any, other: Any) -> bool:
    """Whether two values differ in JSON. Python treats True and 1.0 as equal to 1; RabbitMQ's
    argument tables don't."""
    if isinstance(one, str) and isinstance(other, str):
        return one != other
    return json.dumps(one, sort_keys=True) != json.dumps(other, sort_keys=True)


def _change(name: str, before: Any, after: Any, secret: bool) -> FieldChange:
    return FieldChange(name, None, None, True) if secret else FieldChange(name, before, after)
