"""What an import would destroy, counted and said in sentences before it is done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from console.engine.broker_objects import BrokerObjects
from console.faces.pages.words import counted
from console.kinds.common.kind import Op, Ref
from console.kinds.registry import KINDS
from console.models import Broker
from console.rabbitmq.errors import BrokerError
from console.rabbitmq.management.answers import must_name
from console.reconcile.definitions.read import LeftOut
from console.reconcile.diff import Difference
from vhosts.models import Queue
from vhosts.virtual_hosts.rules import vhost_contents

#: Of so many queues the messages are counted now; of more, as they were last polled.
_COUNTED_LIVE = 50
#: Of what is left out.
_MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class Row:
    """One object of the plan. `state`: planned, or why it is not: refused (no right), held (needs
    `replace`), impossible. `lost` are messages that go with it; None: not known."""

    ref: Ref
    op: Op
    state: str
    why: str = ""
    fields: tuple[dict[str, Any], ...] = ()
    lost: int | None = 0
    difference: Difference | None = field(default=None, repr=False)
    #: What it had and loses, in words: ("limit max-queues (5)", "tags").
    clears: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.ref.kind,
            "key": list(self.ref.key),
            "op": str(self.op),
            "state": self.state,
            "why": self.why,
            "fields": list(self.fields),
            "messages_lost": self.lost,
        }


def count_lost(rows: Sequence[Row], store: BrokerObjects, broker: Broker) -> list[Row]:
    """The rows, with how many messages go with each queue that is deleted or replaced."""
    doomed = {
        row.ref for row in rows if row.ref.kind == "queue" and row.op in (Op.DELETE, Op.REPLACE)
    }
    if not doomed:
        return list(rows)
    if len(doomed) <= _COUNTED_LIVE:
        counts = _live_counts(store, doomed)
    else:
        polled = Queue.objects.filter(broker=broker, gone_at=None)
        counts = {
            Ref("queue", (vhost, name)): total
            for vhost, name, total in polled.values_list("vhost", "name", "total")
        }
    return [replace(row, lost=counts.get(row.ref)) if row.ref in doomed else row for row in rows]


def objections(
    rows: Sequence[Row], broker: Broker, *, force: bool, left_out: Sequence[LeftOut]
) -> Iterable[str]:
    """What to think of before, worst first. `left_out` is what of the broker cannot be read."""
    planned = [row for row in rows if row.state == "planned"]
    for row in planned:
        if row.op is Op.DELETE and row.ref.kind == "vhost":
            held = vhost_contents(broker, row.ref.key[0])
            yield (
                f"The virtual host {row.ref.key[0]} and everything in it is deleted: "
                f"{counted(held['queues'], 'queue')} and "
                f"{counted(held['messages'], 'message')} at the last check."
            )
    yield from _losses(planned, Op.REPLACE, "deleted and declared again", force)
    yield from _losses(planned, Op.DELETE, "deleted", force)
    users = sum(1 for row in planned if row.op is Op.DELETE and row.ref.kind == "user")
    if users:
        yield f"{counted(users, 'user')} and their permissions are deleted."
    rest = sum(
        1
        for row in planned
        if row.op is Op.DELETE and row.ref.kind not in ("vhost", "queue", "user")
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


def _losses(planned: Sequence[Row], op: Op, done: str, force: bool) -> Iterable[str]:
    queues = [row for row in planned if row.op is op and row.ref.kind == "queue"]
    if not queues:
        return
    lost = sum(row.lost or 0 for row in queues)
    unknown = sum(1 for row in queues if row.lost is None)
    sentence = f"Queues {done}: {len(queues)}. Their {counted(lost, 'message')} will be lost."
    if not force:
        sentence = (
            f"Queues {done}, each only if it is empty: {len(queues)}. They hold "
            f"{counted(lost, 'message')} now. RabbitMQ can't do this for quorum queues "
            "and streams; those need force."
        )
    yield sentence
    if unknown:
        yield f"For {unknown} of them, the number of messages is unknown."


def _live_counts(store: BrokerObjects, queues: Iterable[Ref]) -> dict[Ref, int | None]:
    found: dict[Ref, int | None] = {}
    for ref in queues:
        try:
            row = store.get("queues", *ref.key)
            must_name(row, vhost=ref.key[0], name=ref.key[1])
        except BrokerError:
            found[ref] = None
            continue
        count = row.get("messages")
        found[ref] = count if isinstance(count, int) else None
    return found
