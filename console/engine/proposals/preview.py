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
from console.engine.supported import facts_of, faults_of_step, needs_version, version_said
from console.kinds.common.kind import Op, Ref
from console.kinds.common.names import name_warnings
from console.kinds.registry import KINDS, parts_of
from console.models import Broker, Step
from console.reconcile.diff import Difference, FieldChange
from console.reconcile.disclose import public_change, public_spec
from console.reconcile.judge import UNKNOWN_VERSION

#: Most lines shown in one preview; the rest is only counted.
MOST_LINES = 200
OPS = {
    Op.CREATE: "Create",
    Op.UPDATE: "Update",
    Op.REPLACE: "Delete and recreate",
    Op.DELETE: "Delete",
    Op.UNCHANGED: "No change",
}


def shown_value(value: Any) -> str:
    """Return a field's value in readable form: lists with commas, objects as `name: value`."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {shown_value(one)}" for name, one in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(map(shown_value, value)) or "none"
    return str(value) if value != "" else "empty"


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


@dataclass(frozen=True, slots=True)
class FieldLine:
    """One field that differs. `secret`: the values must not be shown, only that it changes."""

    name: str
    before: Any
    after: Any
    secret: bool

    @property
    def label(self) -> str:
        return "password" if self.secret else self.name.replace("_", " ")

    @property
    def was(self) -> str:
        return shown_value(self.before)

    @property
    def becomes(self) -> str:
        return shown_value(self.after)


@dataclass(frozen=True, kw_only=True)
class PlanLine:
    """One object of the plan."""

    broker: Broker
    ref: Ref
    op: Op
    fields: tuple[FieldLine, ...] = ()
    dies_with: tuple[Ref, ...] = ()
    objections: tuple[str, ...] = ()
    commands: tuple[tuple[str, str], ...] = ()

    @property
    def act(self) -> str:
        return OPS[self.op]

    @property
    def word(self) -> str:
        return KINDS[self.ref.kind].noun

    @property
    def parts(self) -> list[tuple[str, str]]:
        return parts_of(self.ref.kind, self.ref.key)

    @property
    def shown_parts(self) -> list[tuple[str, str]]:
        """The parts of the key as a page shows them: without an empty routing key or table."""
        at = KINDS[self.ref.kind].table_at
        parts = [(name.replace("_", " "), value) for name, value in self.parts]
        return parts if at is None else [one for one in parts if one[1] not in ("", "{}")]

    @property
    def destructive(self) -> bool:
        return self.op in (Op.DELETE, Op.REPLACE)

    @property
    def updates(self) -> bool:
        return self.op is not Op.CREATE


@dataclass(frozen=True, kw_only=True)
class Preview:
    """The plan as shown. `lines` has at most MOST_LINES, what changes first; `counts` covers all
    objects."""

    title: str
    lines: tuple[PlanLine, ...]
    counts: Mapping[str, int]
    left_out: int
    objections: tuple[str, ...] = field(default=())

    @property
    def changes_nothing(self) -> bool:
        return not any(number for op, number in self.counts.items() if op != Op.UNCHANGED)

    @property
    def destructive(self) -> bool:
        return bool(self.counts["delete"] or self.counts["replace"])

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
    return Preview(
        title=proposal.title,
        lines=tuple(shown),
        counts=counts,
        left_out=total - len(shown),
        objections=(*proposal.remarks, *_of_versions(proposal)),
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
        "steps": [
            {
                "broker": line.broker.pk,
                "broker_name": line.broker.name,
                "op": line.op.value,
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
        yield "rabbitmqctl", line
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
