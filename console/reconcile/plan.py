"""From what should be and what is to ordered steps. Planning, showing and applying are three acts:
the page renders the very plan that the worker carries out."""

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
    """`steps` in the order they are to be applied. `dies_with` tells for a container (a vhost) that is deleted what
    goes with it; of that, `implied` was asked to be deleted as well. `fingerprint` stands for what was seen of every object the
    plan touches: a plan is applied only while a new look gives the same."""

    steps: tuple[Difference, ...]
    unchanged: tuple[Ref, ...]
    dies_with: Mapping[Ref, tuple[Ref, ...]]
    fingerprint: str
    implied: tuple[Difference, ...] = ()

    def count(self, op: Op) -> int:
        return sum(1 for step in self.all_steps if step.op is op)

    @property
    def all_steps(self) -> tuple[Difference, ...]:
        """What is shown before, and carried out: the steps, then the deletions that those of their containers do
        already, then what is equal. The last two are looked at on the broker all the same."""
        unchanged = (Difference(ref, Op.UNCHANGED) for ref in self.unchanged)
        return (*self.steps, *self.implied, *unchanged)


def make_plan(desired: Mapping[Ref, Spec | None], observed: Mapping[Ref, Spec]) -> Plan:
    """`desired` names every object the plan may touch, None for one to delete; what only `observed`
    names is left alone. Raises SpecError on an impossible spec."""
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
    """A digest of what is seen of `refs`: equal exactly while none of them has changed."""
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
    """Creations and changes first, what others stand on before them; then deletions, the other way
    round. RabbitMQ's own import has the same order, policies before queues."""
    rank = KINDS[step.ref.kind].rank
    deleting = step.op is Op.DELETE
    return (int(deleting), -rank if deleting else rank, step.ref)


def _inside(container: Ref, observed: Mapping[Ref, Spec]) -> Iterable[Ref]:
    for ref in observed:
        if ref != container and vhost_of(ref) == container.key[0]:
            yield ref
