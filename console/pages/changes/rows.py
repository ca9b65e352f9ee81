"""What the pages of changes show: the progress of a change, and its steps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Min
from django.urls import reverse

from accessctl.authorize import AnyUser
from accessctl.visibility.changes import blockers_seen_by
from console.engine.proposals.commands import act_commands, step_commands
from console.engine.proposals.preview import FieldLine, WaitsFor
from console.engine.supported import version_said
from console.faces.face import FACES
from console.faces.seen import ids_of
from console.kinds.common.kind import Key, Op, Ref
from console.kinds.registry import KINDS, parts_of
from console.models import (
    OPEN_CHANGES,
    OPEN_STEPS,
    Broker,
    Change,
    Step,
    StepState,
)

ORIGINS = {"page": "Page", "api": "API", "admin": "Administration", "command": "Command"}


def source_of(change: Change) -> str:
    """Return where the change was requested, in words."""
    return ORIGINS.get(change.origin, change.origin)


def may_be_there(unsure: int) -> str:
    """Describe the steps that may have been sent before a stop; "" if `unsure` is 0."""
    if not unsure:
        return ""
    one = unsure == 1
    return (
        f"{unsure} {'step' if one else 'steps'} may have been sent to the broker already. "
        f"{'It ends' if one else 'They end'} when the console has read the result back; nothing more "
        "is sent."
    )


@dataclass(frozen=True, slots=True)
class Strip:
    """The progress of a change. `waiting`: why it waits, in the broker's or our words; `next_at`:
    the next retry. `waits_for`: the step of an earlier change that it waits for."""

    change: Change
    done: int
    total: int
    rejected: int
    open: int
    waiting: str
    next_at: datetime | None
    waits_for: WaitsFor | None

    @property
    def is_open(self) -> bool:
        return self.change.state in OPEN_CHANGES

    @property
    def stopping(self) -> str:
        """What is left to do after a stop was requested; "" if none was."""
        stopped = self.is_open and self.change.stop_requested_at is not None
        return may_be_there(self.open) if stopped else ""

    @property
    def state(self) -> str:
        return str(self.change.state)

    @property
    def tone(self) -> str:
        return {"done": "ok", "partly": "bad", "rejected": "bad", "stopped": "warn", "waiting": "warn", "unknown": "warn"}.get(self.state, "busy")  # fmt: skip


def strip_of(change: Change, viewer: AnyUser) -> Strip:
    """Return the progress for templates/console/_change_strip.html."""
    states = counts_of(change)
    waiting, next_at, waits_for = "", None, None
    if change.state in OPEN_CHANGES:
        held = change.steps.filter(state__in=OPEN_STEPS).exclude(error_code="")
        first = held.order_by("next_at").first()
        if first is not None:
            waiting = first.error_detail
            next_at = held.aggregate(at=Min("next_at"))["at"]
        else:
            # The first open step of each broker: the change's later steps wait for them.
            fronts = (
                change.steps.filter(state__in=OPEN_STEPS)
                .order_by("broker_id", "ordinal")
                .distinct("broker_id")
            )
            waiting_for = blockers_seen_by(viewer, change, list(fronts.select_related("target")))
            waits_for = next((WaitsFor(step) for step in waiting_for.values()), None)
    return Strip(
        change=change,
        done=states.get(StepState.APPLIED, 0),
        total=sum(states.values()),
        rejected=states.get(StepState.REJECTED, 0),
        open=sum(states.get(state, 0) for state in OPEN_STEPS),
        waiting=waiting,
        next_at=next_at,
        waits_for=waits_for,
    )


def counts_of(change: Change) -> dict[str, int]:
    counted = change.steps.order_by().values_list("state").annotate(n=Count("pk"))
    return {str(state): number for state, number in counted}


@dataclass(frozen=True, slots=True)
class StepRow:
    step: Step
    word: str
    parts: list[tuple[str, str]]
    fields: list[FieldLine]
    commands: list[str]
    tries: list[Any]
    #: The object's page; "" if it has none, doesn't exist, or isn't visible to the viewer.
    href: str
    waits_for: WaitsFor | None

    @property
    def updates(self) -> bool:
        return self.step.op != "create" and not self.step.is_act


def step_rows(change: Change, steps: list[Step], viewer: AnyUser) -> list[StepRow]:
    waits_for = blockers_seen_by(viewer, change, steps)
    pages = {face.name: face.object_route for face in FACES.values() if face.object_route}
    alike: dict[tuple[Broker, str], list[Key]] = {}
    for step in steps:
        if step.target.kind in pages:
            alike.setdefault((step.broker, step.target.kind), []).append(tuple(step.target.key))
    hrefs = {
        (broker.pk, kind, key): reverse(pages[kind], args=[pk])
        for (broker, kind), keys in alike.items()
        for key, pk in ids_of(broker, kind, keys, viewer=viewer).items()
    }
    return [
        _step_row(
            step,
            hrefs.get((step.broker_id, step.target.kind, tuple(step.target.key)), ""),
            WaitsFor(waits_for[step.pk]) if step.pk in waits_for else None,
        )
        for step in steps
    ]


def _step_row(step: Step, href: str, waits_for: WaitsFor | None) -> StepRow:
    key = tuple(step.target.key)
    fields = [FieldLine(**field) for field in step.fields]
    secret = any(field.secret for field in fields)
    if step.is_act:
        fields = [FieldLine(name, None, value, False) for name, value in step.parameters.items()]
        commands = act_commands(KINDS[step.target.kind].acts[step.op], key, step.parameters)
    else:
        commands = step_commands(
            Ref(step.target.kind, key),
            Op(step.op),
            step.after,
            [f.name for f in fields],
            secret=secret,
            version=version_said(step.broker),
        )
    return StepRow(
        step=step,
        word=KINDS[step.target.kind].noun,
        parts=parts_of(step.target.kind, key),
        fields=fields,
        commands=commands,
        tries=list(step.tries.all()),
        href=href,
        waits_for=waits_for,
    )  # fmt: skip
