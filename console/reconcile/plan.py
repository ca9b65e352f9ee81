"""Plan the ordered steps from the observed to the desired state. Planning, showing and applying are
separate: the page shows the same plan that the worker applies."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from console.kinds.common.kind import Op, Ref, Spec
from console.kinds.registry import KINDS, vhost_of
from console.reconcile.diff import Difference, compare


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to change on a broker.

    `steps` are in the order to apply. `dies_with` lists, for each container (a vhost) that is
    deleted, what goes with it; `implied` are deletions among those that were also requested.
    `fingerprint` is a digest of the observed state of every object in the plan: a plan is applied
    only while it is the same.
    """

    steps: tuple[Difference, ...]
    unchanged: tuple[Ref, ...]
    dies_with: Mapping[Ref, tuple[Ref, ...]]
    fingerprint: str
    implied: tuple[Difference, ...] = ()

    def count(self, op: Op) -> int:
        return sum(1 for step in self.all_steps if step.op is op)

    @property
    def all_steps(self) -> tuple[Difference, ...]:
        """Everything to show and carry out: the steps, then the deletions that their containers'
        deletions already cover, then the unchanged objects. The last two are still read on the
        broker.
        """
        unchanged = (Difference(ref, Op.UNCHANGED) for ref in self.unchanged)
        return (*self.steps, *self.implied, *unchanged)


def make_plan(desired: Mapping[Ref, Spec | None], observed: Mapping[Ref, Spec]) -> Plan:
    """Plan the steps. `desired` names every object the plan may touch; None deletes it. Objects
    that are only in `observed` are left alone. Raises SpecError for an impossible spec."""
    differences = [compare(ref, spec, observed.get(ref)) for ref, spec in desired.items()]
    doomed = {d.ref for d in differences if KINDS[d.ref.kind].is_container and d.op is Op.DELETE}
    dies_with = {ref: tuple(sorted(_inside(ref, observed))) for ref in doomed}
    inside = {inner for inners in dies_with.values() for inner in inners}
    implied = [d for d in differences if d.op is Op.DELETE and d.ref in inside]
    left_out = {d.ref for d in implied}
    steps = [d for d in differences if d.op is not Op.UNCHANGED and d.ref not in left_out]
    return Plan(
        steps=tuple(sorted(steps, key=step_order)),
        unchanged=tuple(sorted(d.ref for d in differences if d.op is Op.UNCHANGED)),
        dies_with=dies_with,
        implied=tuple(sorted(implied, key=step_order)),
        fingerprint=fingerprint(desired, observed),
    )


def fingerprint(refs: Iterable[Ref], observed: Mapping[Ref, Spec]) -> str:
    """Return a digest of the observed state of `refs`: equal exactly while none of them has
    changed."""
    seen = [
        [
            ref.kind,
            list(ref.key),
            KINDS[ref.kind].canonical(observed[ref]) if ref in observed else None,
        ]
        for ref in sorted(set(refs))
    ]
    text = json.dumps(seen, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def step_order(step: Difference) -> tuple[int, int, Ref]:
    """Sort key of steps: first creations and changes, dependencies before dependents; then
    deletions, in reverse. RabbitMQ's own import has the same order, policies before queues."""
    rank = KINDS[step.ref.kind].rank
    deleting = step.op is Op.DELETE
    return (int(deleting), -rank if deleting else rank, step.ref)


def _inside(container: Ref, observed: Mapping[Ref, Spec]) -> Iterable[Ref]:
    for ref in observed:
        if ref != container and vhost_of(ref) == container.key[0]:
            yield ref
