"""Count what an import would destroy, and say it in sentences before it is applied."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from console.engine.applying.broker_objects import BrokerObjects
from console.faces.face import FACES
from console.faces.pages.words import counted
from console.kinds.common.kind import Op, Ref
from console.kinds.registry import ACCOUNT, KINDS, OWNERS, phrase
from console.models import Broker
from console.reconcile.definitions.read import LeftOut
from console.reconcile.diff import Difference

#: Up to this many objects, messages are counted live; beyond that, as last polled.
_COUNTED_LIVE = 50
#: Most skipped objects that are named.
_MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class Row:
    """One object of the plan.

    `state`: planned, refused (no right), held (needs `replace`) or impossible. `lost` is the
    number of messages deleted with it; None if unknown.
    """

    ref: Ref
    op: Op
    state: str
    why: str = ""
    fields: tuple[dict[str, Any], ...] = ()
    lost: int | None = 0
    difference: Difference | None = field(default=None, repr=False)
    #: What it has and loses, as text: ("limit max-queues (5)", "tags").
    clears: tuple[str, ...] = ()
    #: What `why` is about: a field or a part of the key; "" for the whole object.
    field: str = ""
    #: The transformation that makes it possible; "" for none.
    remedy: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.ref.kind,
            "key": list(self.ref.key),
            "op": str(self.op),
            "state": self.state,
            "why": self.why,
            "field": self.field,
            "remedy": self.remedy,
            "fields": list(self.fields),
            "messages_lost": self.lost,
        }


def count_lost(rows: Sequence[Row], store: BrokerObjects, broker: Broker) -> list[Row]:
    """Return the rows with the number of messages lost with each object that is deleted or
    replaced."""
    counts: dict[Ref, int | None] = {}
    for face in FACES.values():
        doomed = [
            row.ref.key
            for row in rows
            if row.ref.kind == face.name and row.op in (Op.DELETE, Op.REPLACE)
        ]
        if doomed and face.rules.messages is not None:
            get = store.get if len(doomed) <= _COUNTED_LIVE else None
            found = face.rules.messages(broker, doomed, get)
            counts |= {Ref(face.name, key): found.get(key) for key in doomed}
    return [replace(row, lost=counts[row.ref]) if row.ref in counts else row for row in rows]


def objections(
    rows: Sequence[Row], broker: Broker, *, force: bool, left_out: Sequence[LeftOut]
) -> Iterable[str]:
    """Yield the warnings, worst first. `left_out` is what on the broker can't be read."""
    planned = [row for row in rows if row.state == "planned"]
    deleted = [row for row in planned if row.op is Op.DELETE]
    for row in deleted:
        if KINDS[row.ref.kind].is_container:
            held = FACES[row.ref.kind].rules.guard(broker, row.ref.key)
            yield (
                f"The {phrase(row.ref)} is deleted with everything in it: "
                f"{held['queues']} queues and {held['messages']} messages as last seen."
                if held
                else f"The {phrase(row.ref)} is deleted with everything in it, whatever that is: no "
                "inventory has read its queues."
            )
    yield from _losses(planned, Op.REPLACE, "deleted and declared again", force)
    yield from _losses(planned, Op.DELETE, "deleted", force)
    accounts = sum(1 for row in deleted if KINDS[row.ref.kind].is_account)
    if accounts:
        yield f"{accounts} {ACCOUNT.plural} are deleted, with their permissions."
    rest = sum(
        1 for row in deleted if row.ref.kind not in OWNERS and not _holds_messages(row.ref.kind)
    )
    if rest:
        yield f"Other objects deleted: {rest}."
    for row in planned:
        if row.clears:
            yield (
                f"The {KINDS[row.ref.kind].phrase(row.ref.key)} loses its {', '.join(row.clears)}."
            )
    if left_out:
        yield (
            f"{counted(len(left_out), 'object')} on the broker can't be read and won't be changed."
        )
    for one in left_out[:_MOST_NAMED]:
        yield f"Skipped: {one}"


def _holds_messages(kind: str) -> bool:
    return kind in FACES and FACES[kind].rules.messages is not None


def _losses(planned: Sequence[Row], op: Op, done: str, force: bool) -> Iterable[str]:
    for kind in filter(_holds_messages, KINDS):
        rows = [row for row in planned if row.op is op and row.ref.kind == kind]
        if not rows:
            continue
        many = f"{len(rows)} {KINDS[kind].plural}"
        lost = sum(row.lost or 0 for row in rows)
        unknown = sum(1 for row in rows if row.lost is None)
        sentence = f"{many} are {done}, and {lost} messages in them are lost."
        if not force and KINDS[kind].deleted_if_empty:
            sentence = (
                f"{many} are {done}, each only while it is empty; {lost} messages are in them now. "
                "RabbitMQ cannot do that with quorum queues and streams: those need force."
            )
        yield sentence
        if unknown:
            yield f"How many messages {unknown} of them hold is not known."
