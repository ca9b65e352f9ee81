"""An answer of the router as flat rows, as the page shows it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from vhosts.models import Exchange, Queue
from vhosts.routing.core.trace import After, Step, Trace

_DEEPEST = 12
#: Queues that are listed.
_MOST_QUEUES = 100
#: Bindings that don't match and are listed of an exchange.
_MOST_NOS = 25


@dataclass(frozen=True, slots=True)
class Row:
    """A step at its depth. `nos` are bindings of the exchange above that don't match, and `more` counts
    those that aren't listed; `step` is None then. `queue` is the queue as seen, None if not seen, and
    `exchange` the exchange's ID."""

    depth: int
    step: Step | None = None
    queue: Queue | None = None
    exchange: int | None = None
    nos: tuple[Step, ...] = ()
    more: int = 0


@dataclass(frozen=True, slots=True)
class AfterRow:
    """What follows in one queue, at its depth in the chain of dead letters."""

    depth: int
    after: After
    queue: Queue | None


@dataclass(frozen=True, slots=True)
class Seen:
    """The queues that an answer names as last seen, and the IDs of the exchanges, by name."""

    queues: Mapping[str, Queue]
    exchanges: Mapping[str, int]


def seen_in(trace: Trace, broker_id: int, vhost: str) -> Seen:
    """Two queries."""
    here = {"broker": broker_id, "vhost": vhost}
    queues = Queue.objects.present().filter(**here, name__in=_queues(trace))
    exchanges = Exchange.objects.filter(**here, name__in=_exchanges(trace))
    return Seen({queue.name: queue for queue in queues}, dict(exchanges.values_list("name", "id")))


def _exchanges(trace: Trace) -> set[str]:
    named = {near.exchange for near in trace.near}
    if trace.root is not None:
        named.update(one.name for one in _steps(trace.root) if one.kind == "exchange")
    return named


def _queues(trace: Trace) -> set[str]:
    names = {
        *trace.queues[:_MOST_QUEUES],
        *trace.possible[:_MOST_QUEUES],
        *(near.step.name for near in trace.near),
    }
    if trace.root is not None:
        names.update(one.name for one in _steps(trace.root) if one.kind == "queue")
    waiting = list(trace.after)
    while waiting:
        after = waiting.pop()
        names.add(after.queue)
        waiting += after.dead.then if after.dead else ()
    return names


def tree_rows(root: Step, seen: Seen, depth: int = 0) -> Iterator[Row]:
    at = min(depth, _DEEPEST)
    if root.kind == "queue":
        yield Row(at, root, queue=seen.queues.get(root.name))
    else:
        yield Row(at, root, exchange=seen.exchanges.get(root.name))
    nos = tuple(one for one in root.steps if one.outcome == "no" and one.via == "binding")
    for step in root.steps:
        if step.outcome != "no" or step.via != "binding":
            yield from tree_rows(step, seen, depth + 1)
    if root.kind == "exchange" and root.unmatched and (nos or root.left_out):
        yield Row(
            min(depth + 1, _DEEPEST),
            nos=nos[:_MOST_NOS],
            more=max(root.unmatched - len(nos[:_MOST_NOS]), 0),
        )
    shown = sum(one.outcome in ("yes", "maybe") and one.via == "binding" for one in root.steps)
    if root.matched > shown:
        yield Row(min(depth + 1, _DEEPEST), more=root.matched - shown)


def after_rows(after: Any, seen: Seen, depth: int = 0) -> Iterator[AfterRow]:
    for one in after:
        yield AfterRow(min(depth, _DEEPEST), one, seen.queues.get(one.queue))
        if one.dead:
            yield from after_rows(one.dead.then, seen, depth + 1)


def _steps(root: Step) -> Iterator[Step]:
    yield root
    for step in root.steps:
        yield from _steps(step)
