"""Requests of acts, for pages and API."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from console.engine.acts.request import RequestedAct
from console.errors import InvalidField
from console.faces.face import Face
from console.faces.operations.declare import Bulk, ObjectAct, Selected
from console.faces.ports import REQUIRE
from console.kinds.common.kind import Ref


def requested(
    face: Face, one: ObjectAct, row: Any, user: Any, *, alone: bool = True
) -> RequestedAct:
    """Return the act on the object of a mirror row. `alone`: the sentences may run queries. Raises
    NotAllowed, InvalidField."""
    key = face.key_of(row)
    REQUIRE.ask(user, one.right, row.broker, face.kind.vhost_of(key))
    if reason := one.refuses(row):
        raise InvalidField("", reason)
    return RequestedAct(
        broker=row.broker,
        ref=Ref(face.name, key),
        act=one.act.name,
        permission=one.right,
        guard=one.guard(row),
        notes=[*one.notes(row), *(one.details(row) if alone else ())],
    )


def title_of(face: Face, one: ObjectAct, row: Any) -> str:
    """Return the title of the change."""
    return f"{one.act.verb} the {face.called(face.key_of(row))}"


def bulk_act(
    face: Callable[[], Face],
    one: ObjectAct,
    remarks: Callable[[Sequence[Any]], Sequence[str]],
    *,
    icon: str,
) -> Bulk:
    """Return the operation that does an act on each selected row; rows that it can't be done on are
    left out and counted. `face` is called later, because the face holds what this returns."""

    def make(rows: Sequence[Any], user: Any) -> Selected:
        fit = [row for row in rows if not one.refuses(row)]
        if not fit:
            raise InvalidField("", one.refuses(rows[0]) if rows else "Select at least one row.")
        left_out = len(rows) - len(fit)
        more = []
        if left_out:
            reason = next(reason for row in rows if (reason := one.refuses(row)))
            more = [f"Left out: {left_out:,}. {reason}"]
        return Selected(
            acts=[requested(face(), one, row, user, alone=False) for row in fit],
            remarks=[*remarks(fit), *more],
        )

    return Bulk(name=one.act.name, verb=one.act.verb, right=one.right, make=make, icon=icon)
