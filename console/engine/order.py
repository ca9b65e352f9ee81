"""Decide which steps go next and which wait for others on the same broker.

Across changes, order follows acceptance if one step depends on another's object. A permission waits
for the earlier change that creates its virtual host; the deletion of a virtual host waits for what
earlier changes still do in it. Unrelated steps never wait. Nothing of this is stored: it follows
from the open steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import takewhile
from uuid import UUID

from django.db.models import Min, Q, QuerySet

from console.engine.applying.outcome import reference
from console.kinds.common.kind import Key, Op, Ref
from console.kinds.registry import OWNERS
from console.models import OPEN_STEPS, WRITES, Broker, Change, ManagedObject, Step
from console.reconcile.dependents import stands_on

_REMOVES = (Op.DELETE, Op.REPLACE)
#: Most acts begun together. Each that has begun when a worker dies ends as unknown.
_ACTS = 16


def next_candidates(
    broker: Broker, *, now: datetime, behind: list[Step] | None, most: int
) -> list[Step]:
    """Return up to `most` due steps that wait for nothing, locked, of one change and kind. `behind`
    is the same as in console.engine.steps.begin.start_batch."""
    open_steps = Step.objects.filter(broker=broker, state__in=OPEN_STEPS)
    held_back = open_steps.filter(next_at__gt=now)
    due = open_steps.filter(next_at__lte=now).exclude(change__in=held_back.values("change"))
    if behind is not None:
        due = due.filter(change=behind[0].change_id, ordinal__gt=behind[-1].ordinal)
    ordered = due.order_by("change__created_at", "change", "ordinal")
    waiting: list[UUID] = []
    while True:
        first = (
            ordered.exclude(change__in=waiting).select_related("target", "change__author").first()
        )
        if first is None:
            break
        if behind is not None and not _alike(first, behind[0]):
            return []
        batch = _batch_from(first, open_steps, broker, most)
        if free := _before_first(batch, blockers(first.change, batch)):
            return free
        waiting.append(first.change_id)
    if not waiting or behind is not None or held_back.exists():
        return []
    # Each one waits for another that waits. The earliest proceeds, and the broker decides.
    first = ordered.select_related("target", "change__author").first()
    return [] if first is None else _batch_from(first, open_steps, broker, most)


def _batch_from(first: Step, open_steps: QuerySet[Step], broker: Broker, most: int) -> list[Step]:
    """Return the step and those of its change that may go with it, locked."""
    rest = open_steps.filter(change=first.change, ordinal__gte=first.ordinal)
    # What depends on the first kind waits for it: a user comes before its permissions.
    other = rest.exclude(Q(op__in=_alike_ops(first)), target__kind=first.target.kind).aggregate(
        at=Min("ordinal")
    )["at"]
    if other is not None:
        rest = rest.filter(ordinal__lt=other)
    batch = list(
        rest.select_related("target")
        .defer("before", "after", "fields", "target__drift")
        .select_for_update(of=("self",))
        .order_by("ordinal")[: min(most, _ACTS) if first.is_act else most]
    )
    for step in batch:
        # Share one object among all steps instead of one per row, so that grants are read once.
        step.change, step.broker = first.change, broker
    return batch


def _before_first(batch: list[Step], waits: Mapping[int, Step]) -> list[Step]:
    """Return the steps before the first one that waits: within a change, order is kept."""
    return list(takewhile(lambda step: step.pk not in waits, batch))


def _alike(one: Step, other: Step) -> bool:
    kinds = one.target.kind, other.target.kind
    return kinds[0] == kinds[1] and one.op in _alike_ops(other)


def _alike_ops(step: Step) -> tuple[str, ...]:
    """Return the operations that may share a batch with the step's."""
    return WRITES if step.op in WRITES else (step.op,)


def blockers(change: Change, steps: Sequence[Step]) -> dict[int, Step]:
    """Return, by step ID, the step of another change that has to end first.

    `steps` belong to `change` and to one broker, and have their targets loaded. A cycle is possible
    only through creations that were accepted later; `next_candidates` resolves it.
    """
    founded = {
        # An act also waits for what earlier changes do with its object.
        step.pk: (*stands_on(reference(step)), *([reference(step)] if step.is_act else []))
        for step in steps
    }
    removes = any(step.op in _REMOVES for step in steps)
    if not removes and not any(founded.values()):
        return {}
    others = Step.objects.filter(broker=steps[0].broker_id, state__in=OPEN_STEPS)
    others = others.exclude(change=change).select_related("target", "change").order_by()
    if not others.exists():
        return {}
    below = _by_reference(_about(others, {ref for refs in founded.values() for ref in refs}))
    above = _by_foundation(others, change) if removes else {}
    found: dict[int, Step] = {}
    for step in steps:
        candidates = [
            other
            for ref in founded[step.pk]
            for other in below.get(ref, ())
            if _comes_before(other, step, change)
        ]
        if step.op in _REMOVES:
            candidates += above.get(reference(step), [])
        if candidates:
            found[step.pk] = min(candidates, key=_accepted)
    return found


def _comes_before(other: Step, step: Step, change: Change) -> bool:
    """Whether `other` has to end before `step`. Earlier steps do. So does the creation of a missing
    object: if it was requested again, the later step creates it and the earlier one ends as
    superseded.
    """
    if _accepted(other) < (change.created_at, change.pk.int, 0):
        return True
    return other.op == Op.CREATE and step.op != Op.DELETE


def _accepted(step: Step) -> tuple[object, int, int]:
    return (step.change.created_at, step.change_id.int, step.ordinal)


def _about(others: QuerySet[Step], refs: Iterable[Ref]) -> Iterable[Step]:
    by_kind: dict[str, list[Key]] = {}
    for ref in refs:
        by_kind.setdefault(ref.kind, []).append(ref.key)
    for kind, keys in by_kind.items():
        targets = ManagedObject.objects.with_keys(keys).filter(kind=kind)
        yield from others.filter(target__in=targets)


def _by_reference(steps: Iterable[Step]) -> dict[Ref, list[Step]]:
    found: dict[Ref, list[Step]] = {}
    for step in steps:
        found.setdefault(reference(step), []).append(step)
    return found


def _by_foundation(others: QuerySet[Step], change: Change) -> dict[Ref, list[Step]]:
    """Return earlier steps by each object that their object depends on."""
    earlier = Q(change__created_at__lt=change.created_at) | Q(
        change__created_at=change.created_at, change__lt=change.pk
    )
    found: dict[Ref, list[Step]] = {}
    for step in others.filter(earlier).exclude(target__kind__in=OWNERS):
        for ref in stands_on(reference(step)):
            found.setdefault(ref, []).append(step)
    return found
