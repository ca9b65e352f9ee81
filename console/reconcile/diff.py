"""What differs between what one object should be and what it is, as data."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from console.kinds.base import KINDS, Ref, Spec, table


class Op(StrEnum):
    CREATE = "create"
    UPDATE = "update"
    #: A field that is fixed at declare differs: delete and declare again, with all that this loses.
    REPLACE = "replace"
    DELETE = "delete"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """`before` and `after` of a secret field are None: only that it changed may be told."""

    name: str
    before: Any
    after: Any
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Difference:
    """`untold` names fields that the observation left out, although something other than the default
    is wanted of them: the broker's version may not have them, so equality cannot be claimed."""

    ref: Ref
    op: Op
    fields: tuple[FieldChange, ...] = ()
    untold: tuple[str, ...] = ()

    @property
    def equal(self) -> bool:
        return self.op is Op.UNCHANGED and not self.untold


def compare(ref: Ref, desired: Spec | None, observed: Spec | None) -> Difference:
    """None stands for *should not be* and *is not there*. Raises SpecError on an impossible spec.

    A field that `observed` lacks is unknown, not default: it is never counted as different.
    """
    kind = KINDS[ref.kind]
    if desired is None:
        return Difference(ref, Op.UNCHANGED if observed is None else Op.DELETE)
    wanted = kind.canonical(desired)
    if observed is None:
        return Difference(ref, Op.CREATE, _creation(ref, wanted))
    seen = kind.canonical(observed)
    if ref.kind == "queue":
        _take_type(wanted, seen)
    elif ref.kind == "vhost" and wanted["default_queue_type"] is None:
        # Not asked for: 4.x then sets its own, and none of them can be made to forget it.
        wanted["default_queue_type"] = seen["default_queue_type"]
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


def _take_type(wanted: dict[str, Any], seen: dict[str, Any]) -> None:
    """A queue for which no type is asked takes that of its virtual host, which 4.x then shows among
    its arguments; one without a shown type is classic."""
    asked, shown = wanted["arguments"], seen["arguments"]
    if "x-queue-type" not in asked and "x-queue-type" in shown:
        wanted["arguments"] = table({**asked, "x-queue-type": shown["x-queue-type"]})
    elif asked.get("x-queue-type") == "classic" and "x-queue-type" not in shown:
        seen["arguments"] = table({**shown, "x-queue-type": "classic"})


def _creation(ref: Ref, wanted: dict[str, Any]) -> tuple[FieldChange, ...]:
    kind = KINDS[ref.kind]
    return tuple(
        _change(field.name, None, wanted[field.name], field.secret)
        for field in kind.fields
        if _differ(wanted[field.name], field.canonical(field.default))
    )


def _differ(one: Any, other: Any) -> bool:
    """Python takes True for 1 and 1.0 for 1; RabbitMQ's argument tables do not."""
    if isinstance(one, str) and isinstance(other, str):
        return one != other
    return json.dumps(one, sort_keys=True) != json.dumps(other, sort_keys=True)


def _change(name: str, before: Any, after: Any, secret: bool) -> FieldChange:
    return FieldChange(name, None, None, True) if secret else FieldChange(name, before, after)
