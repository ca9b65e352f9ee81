"""A proposal as shown to a person or a program before it is accepted: its plan in words.

Pages include templates/components/_plan.html with `preview`; the API answers `as_data(preview)`.
Nothing here is stored, and it contains no secret.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from console.engine.proposal import DesiredObject, Proposal
from console.engine.proposals.commands import curl_command, difference_commands
from console.engine.proposals.lines import FieldLine, PlanLine, act_line
from console.engine.proposals.owned import owned_notes
from console.engine.supported import facts_of, faults_of_step, needs_version, version_said
from console.kinds.common.kind import Op, Ref
from console.kinds.common.names import name_warnings
from console.kinds.registry import KINDS, parts_of
from console.models import Broker, Step
from console.reconcile.diff import Difference, FieldChange
from console.reconcile.disclose import public_change, public_spec
from console.reconcile.judge import UNKNOWN_VERSION

__all__ = ["FieldLine", "PlanLine", "Preview", "WaitsFor", "as_data", "preview"]

#: Most lines shown in one preview; the rest is only counted.
MOST_LINES = 200


@dataclass(frozen=True, slots=True)
class WaitsFor:
    """A step of an earlier change that has to end first; None: one that the viewer may not see."""

    step: Step | None

    @property
    def act(self) -> str:
        """ "create virtual host", for a sentence in which `parts` follow."""
        return f"{self.step.op} {KINDS[self.step.target.kind].noun}" if self.step else ""

    @property
    def parts(self) -> list[tuple[str, str]]:
        return parts_of(self.step.target.kind, self.step.target.key) if self.step else []


@dataclass(frozen=True, kw_only=True)
class Preview:
    """The plan as shown. `lines` has at most MOST_LINES, what changes first; `counts` covers all
    objects."""

    title: str
    lines: tuple[PlanLine, ...]
    counts: Mapping[str, int]
    left_out: int
    objections: tuple[str, ...] = field(default=())
    #: Whether an act of it loses something.
    loses: bool = False
    #: Sentences about objects that a folder of definitions owns.
    owned: tuple[str, ...] = ()

    @property
    def changes_nothing(self) -> bool:
        return not any(number for op, number in self.counts.items() if op != Op.UNCHANGED)

    @property
    def destructive(self) -> bool:
        return bool(self.counts["delete"] or self.counts["replace"]) or self.loses

    @property
    def brokers(self) -> list[Broker]:
        return list({line.broker.pk: line.broker for line in self.lines}.values())

    @property
    def summary(self) -> list[tuple[str, int]]:
        """[("create", 2), …]: the operations that occur."""
        return [(op, number) for op, number in self.counts.items() if number]

    @property
    def commands(self) -> list[tuple[str, str]]:
        return [command for line in self.lines for command in line.commands]


def preview(proposal: Proposal) -> Preview:
    """Return the plan of a proposal, ready to be shown. Raises InvalidField, as its plans do."""
    plans = proposal.plans
    about = proposal.about(proposal.desired_objects)
    desired_objects = {
        (desired.broker.pk, desired.ref): desired for desired in proposal.desired_objects
    }
    counts = {op.value: 0 for op in Op}
    shown: list[PlanLine] = []
    total = 0
    for broker, plan in plans.items():
        for difference in plan.all_steps:
            counts[difference.op.value] += 1
            total += 1
            if len(shown) >= MOST_LINES:
                continue
            desired = desired_objects[(broker.pk, difference.ref)]
            shown.append(
                PlanLine(
                    broker=broker,
                    ref=difference.ref,
                    op=difference.op,
                    fields=tuple(
                        _field(public_change(desired.ref.kind, change))
                        for change in difference.fields
                    ),
                    dies_with=plan.dies_with.get(difference.ref, ()),
                    objections=(
                        *_objections(difference, about),
                        *_without_effect(desired, difference),
                    ),
                    commands=tuple(_commands(desired, difference)),
                )
            )
    for requested in proposal.acts:
        counts[requested.act] = counts.get(requested.act, 0) + 1
        total += 1
        if len(shown) < MOST_LINES:
            shown.append(act_line(requested))
    return Preview(
        title=proposal.title,
        lines=tuple(shown),
        counts=counts,
        left_out=total - len(shown),
        objections=(*proposal.remarks, *_of_versions(proposal)),
        loses=any(requested.kind_act.destructive for requested in proposal.acts),
        owned=tuple(owned_notes(proposal)),
    )


def _of_versions(proposal: Proposal) -> Iterator[str]:
    """Yield a warning if the broker's version is unknown and matters."""
    if any(
        facts_of(desired.broker).version is None and needs_version(desired.ref, desired.spec)
        for desired in proposal.desired_objects
    ):
        yield UNKNOWN_VERSION


def as_data(found: Preview) -> dict[str, Any]:
    """Return the preview as the API answers it."""
    return {
        "title": found.title,
        "changes": not found.changes_nothing,
        "counts": dict(found.counts),
        "left_out": found.left_out,
        "objections": list(found.objections),
        "owned": list(found.owned),
        "steps": [
            {
                "broker": line.broker.pk,
                "broker_name": line.broker.name,
                "op": str(line.op),
                "kind": line.ref.kind,
                "key": dict(line.parts),
                "fields": [
                    {"name": f.name, "before": f.before, "after": f.after, "secret": f.secret}
                    for f in line.fields
                ],
                "objections": list(line.objections),
                "commands": [text for _, text in line.commands],
            }
            for line in found.lines
        ],
    }


def _field(change: FieldChange) -> FieldLine:
    return FieldLine(change.name, change.before, change.after, change.secret)


def _objections(difference: Difference, given: Mapping[Ref, Sequence[str]]) -> Iterator[str]:
    yield from given.get(difference.ref, ())
    if difference.op is Op.CREATE:
        for name in difference.ref.key:
            yield from name_warnings(name)
    if difference.op is Op.REPLACE:
        names = ", ".join(change.name.replace("_", " ") for change in difference.fields)
        yield f"RabbitMQ can't change {names} in place, so this deletes and recreates the object."
    for name in difference.untold:
        yield (
            f"The broker doesn't report the current {name.replace('_', ' ')}; "
            "this RabbitMQ version may not support it."
        )


def _without_effect(desired: DesiredObject, difference: Difference) -> Iterator[str]:
    """Yield what the broker accepts but ignores."""
    for fault in faults_of_step(difference, desired.spec, facts_of(desired.broker)):
        if not fault.refuses:
            yield fault.sentence


def _commands(desired: DesiredObject, difference: Difference) -> Iterator[tuple[str, str]]:
    spec = None if desired.spec is None else public_spec(desired.ref.kind, desired.spec)
    for line in difference_commands(difference, spec, version_said(desired.broker)):
        yield line.partition(" ")[0], line
    curl = curl_command(
        desired.broker.management_url,
        desired.broker.username,
        desired.ref,
        difference.op,
        spec,
        [change.name for change in difference.fields],
    )
    if curl:
        yield "curl", curl
