"""The lines of a preview: one for each object, with the fields that differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from console.engine.acts.request import RequestedAct
from console.engine.proposals.commands import act_commands, curl_of
from console.kinds.common.kind import Op, Ref
from console.kinds.registry import KINDS, parts_of
from console.models import Broker

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
    #: An `Op`, or the name of an act.
    op: str
    #: Of an act: its verb, and whether something is lost with it.
    verb: str = ""
    loses: bool = False
    fields: tuple[FieldLine, ...] = ()
    dies_with: tuple[Ref, ...] = ()
    objections: tuple[str, ...] = ()
    commands: tuple[tuple[str, str], ...] = ()

    @property
    def act(self) -> str:
        return self.verb or OPS[Op(self.op)]

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
        return self.loses or self.op in (Op.DELETE, Op.REPLACE)

    @property
    def updates(self) -> bool:
        return self.op != Op.CREATE and not self.verb


def act_line(requested: RequestedAct) -> PlanLine:
    """Return the line of an act."""
    act, broker = requested.kind_act, requested.broker
    commands = [
        ("rabbitmqctl", line) for line in act_commands(act, requested.ref.key, requested.parameters)
    ]
    call = act.call(requested.ref.key, requested.parameters)
    if curl := curl_of(broker.management_url, broker.username, call):
        commands.append(("curl", curl))
    return PlanLine(
        broker=broker,
        ref=requested.ref,
        op=act.name,
        verb=act.verb,
        loses=act.destructive,
        fields=tuple(
            FieldLine(name, None, value, secret=False)
            for name, value in requested.parameters.items()
        ),
        objections=tuple(requested.notes),
        commands=tuple(commands),
    )
