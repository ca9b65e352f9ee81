"""An answer of the router as flat rows, as the page shows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from vhosts.models import Queue
from vhosts.routing.core.trace import After, Step, Trace

_DEEPEST = 12
#: Bindings that don't match and are listed of an exchange.
_MOST_NOS = 25


@dataclass(frozen=True, slots=True)
class Row:
    """A step at its depth. `nos` are bindings of the exchange above that don't match, and `more` counts
    those that aren't listed; `step` is None then. `queue` is the queue as seen, None if not seen."""

    depth: int
    step: Step | None = None
    queue: Queue | None = None
    nos: tuple[Step, ...] = ()
    more: int = 0


@dataclass(frozen=True, slots=True)
class AfterRow:
    """What follows in one queue, at its depth in the chain of dead letters."""

    depth: int
    after: After
    queue: Queue | None


def seen_queues(trace: Trace, broker_id: int, vhost: str) -> dict[str, Queue]:
    """Return the queues that the answer names, as last seen. One query."""
    names = {*trace.queues, *trace.possible, *(near.step.name for near in trace.near)}
    if trace.root is not None:
        names.update(one.name for one in _steps(trace.root) if one.kind == "queue")
    waiting = list(trace.after)
    while waiting:
        after = waiting.pop()
        names.add(after.queue)
        waiting += after.dead.then if after.dead else ()
    found = Queue.objects.present().filter(broker=broker_id, vhost=vhost, name__in=names)
    return {queue.name: queue for queue in found}


def tree_rows(root: Step, queues: Mapping[str, Queue], depth: int = 0) -> Iterator[Row]:
    at = min(depth, _DEEPEST)
    yield Row(at, root, queues.get(root.name) if root.kind == "queue" else None)
    nos = tuple(one for one in root.steps if one.outcome == "no" and one.via == "binding")
    for step in root.steps:
        if step.outcome != "no" or step.via != "binding":
            yield from tree_rows(step, queues, depth + 1)
    if root.kind == "exchange" and root.unmatched and (nos or root.left_out):
        yield Row(
            min(depth + 1, _DEEPEST),
            nos=nos[:_MOST_NOS],
            more=max(root.unmatched - len(nos[:_MOST_NOS]), 0),
        )
    shown = sum(one.outcome in ("yes", "maybe") and one.via == "binding" for one in root.steps)
    if root.matched > shown:
        yield Row(min(depth + 1, _DEEPEST), more=root.matched - shown)


def after_rows(after: Any, queues: Mapping[str, Queue], depth: int = 0) -> Iterator[AfterRow]:
    for one in after:
        yield AfterRow(min(depth, _DEEPEST), one, queues.get(one.queue))
        if one.dead:
            yield from after_rows(one.dead.then, queues, depth + 1)


def _steps(root: Step) -> Iterator[Step]:
    yield root
    for step in root.steps:
        yield from _steps(step)
