"""The form of a queue: its type, options, and every argument that the type and the broker's version
know. The rules are in `console/kinds/refusals/`; the form reads input and shows each rule's answer at
its control."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from console.engine.proposal import DesiredObject
from console.engine.supported import facts_of_version
from console.faces.acts.forms import ActForm, Name, Row
from console.faces.drawing import Opened, OwnForm
from console.faces.objects.forms import TableField
from console.kinds.refusals.queue_table import ARGUMENTS, CLASSIC, TYPE, TYPES, Argument
from console.kinds.refusals.versions import BrokerFacts
from console.kinds.vhost import DEFAULT_TYPE
from console.models import Broker
from vhosts.models import Exchange, VirtualHost
from vhosts.queues.changing.controls import (
    SECTIONS,
    argument_control,
    switch_control,
    type_control,
    vhost_control,
)

_UNITS = {"ms": "ms", "bytes": "bytes", "messages": "messages", "deliveries": "deliveries",
          "members": "members"}  # fmt: skip
MORE, LOSE, CARRY = "more", "lose_messages", "carry_bindings"


class QueueForm(ActForm):
    """Create a queue, or replace one (`spec` is its current state). Controls of other types are hidden
    by static/css/queue_form.css; what is typed in them is kept and not used."""

    def __init__(
        self,
        *args: Any,
        broker: Broker,
        vhosts: Sequence[tuple[str, str]],
        spec: Mapping[str, Any] | None = None,
        generation: int | None = None,
        initial: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self.facts = facts_of_version(broker)
        given = dict(vhosts)
        kwargs["initial"] = {
            "durable": True,
            "type": given.get((initial or {}).get("vhost", "")) or CLASSIC,
            CARRY: True,
            **(initial or {}),
            **_initial(spec, self.facts),
            "generation": generation,
        }
        super().__init__(*args, **kwargs)
        rows = []
        if spec is None:
            self.fields["vhost"] = vhost_control(vhosts)
            self.fields["name"] = Name(
                help_text="1 to 255 bytes. Names that begin with amq. are reserved.",
                error_messages={"required": "Enter a name."},
            )
            rows = [Row("vhost"), Row("name")]
        self.fields["type"] = type_control(vhosts)
        self.fields["durable"] = switch_control(
            "Durable", "RabbitMQ: durable. Quorum queues and streams are always durable."
        )
        self.fields["auto_delete"] = switch_control(
            "Auto-delete", "RabbitMQ: auto_delete. Only classic queues can be auto-delete."
        )
        offered = self.offered()
        for name, argument in offered.items():
            self.fields[name] = argument_control(name, argument)
        self.fields[MORE] = TableField(
            label="Other arguments",
            required=False,
            help_text="For plugins and clients, one a line: x-my-argument = 5. Numbers, true, false "
            "and lists keep their type; anything else is text.",
        )
        options = [
            *rows,
            Row("type", choices=True),
            Row("durable", switch="Survives a restart of the broker", shown="for-classic"),
            Row("auto_delete", switch="Deleted with its last consumer", shown="for-classic"),
        ]
        self.layout = [
            ("Queue", options),
            *(
                (title, [self._row(name, offered[name]) for name in names if name in offered])
                for title, names in SECTIONS.items()
            ),
            ("Other", [Row(MORE, optional=True)]),
        ]
        if spec is not None:
            self._add_replacing()

    def _add_replacing(self) -> None:
        self.fields[LOSE] = switch_control(
            "Messages",
            "Without this, RabbitMQ refuses to delete the queue while it holds messages, and nothing "
            "changes.",
        )
        self.fields[CARRY] = switch_control(
            "Bindings", "RabbitMQ deletes a queue's bindings with it. They are created again."
        )
        self.layout = [
            *self.layout,
            (
                "What is in it",
                [
                    Row(LOSE, switch="Lose the messages that it holds"),
                    Row(CARRY, switch="Create its bindings again"),
                ],
            ),
        ]

    def offered(self) -> dict[str, Argument]:
        """Return the arguments that a type can use on this broker, by name."""
        return {
            name: argument
            for name, argument in ARGUMENTS.items()
            if any(argument.is_offered(of_type, self.facts) for of_type in TYPES)
        }

    def _row(self, name: str, argument: Argument) -> Row:
        types = [one for one in TYPES if argument.is_offered(one, self.facts)]
        return Row(
            name,
            optional=True,
            unit=_UNITS.get(argument.unit, "") if argument.control == "number" else "",
            shown=" ".join(f"for-{one}" for one in types) if len(types) < len(TYPES) else "",
        )

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        of_type = said.get("type")
        if of_type not in TYPES:
            return said
        arguments: dict[str, Any] = {**(said.get(MORE) or {}), TYPE: of_type}
        for name in said.get(MORE) or {}:
            if name == TYPE or name in self.fields:
                self.add_error(MORE, f"Set {name} with its own control.")
        for name, argument in self.offered().items():
            if not argument.is_offered(of_type, self.facts):
                # Another type's control may hold anything.
                self.errors.pop(name, None)
                continue
            value = _value(argument, said.get(name))
            if value is None:
                continue
            arguments[name] = value
            if wrong := argument.check_of(self.facts)(value):
                self.add_error(name, f"{argument.label} {wrong} ({self.facts.called}).")
        said["arguments"] = arguments
        if of_type != CLASSIC:
            said["durable"], said["auto_delete"] = True, False
        return said

    def wanted(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in ("durable", "auto_delete", "arguments")}


def _value(argument: Argument, said: Any) -> Any:
    """Return the argument's value; None if it isn't set."""
    if argument.control == "flag":
        return {"true": True, "false": False}.get(said or "")
    return None if said in (None, "") else said


def _initial(spec: Mapping[str, Any] | None, facts: BrokerFacts) -> dict[str, Any]:
    if spec is None:
        return {}
    arguments = dict(spec.get("arguments") or {})
    found: dict[str, Any] = {
        "durable": spec.get("durable", True),
        "auto_delete": spec.get("auto_delete", False),
        "type": arguments.pop(TYPE, CLASSIC),
    }
    for name in list(arguments):
        argument = ARGUMENTS.get(name)
        if argument is not None and any(argument.is_offered(one, facts) for one in TYPES):
            value = arguments.pop(name)
            found[name] = str(value).lower() if argument.control == "flag" else value
    return {**found, MORE: arguments}


def vhosts_of(broker: Broker, user: Any) -> list[tuple[str, str]]:
    """Return (name, default queue type or "") of the virtual hosts that the person can see."""
    rows = VirtualHost.objects.visible_to(user).filter(broker=broker).order_by("name")
    return list(rows.values_list("name", DEFAULT_TYPE))


def _form(opened: Opened) -> QueueForm:
    vhosts = vhosts_of(opened.broker, opened.user)
    if opened.row is not None:
        vhosts = [one for one in vhosts if one[0] == opened.row.vhost]
    spec = opened.spec
    if spec is not None and opened.row is not None:
        # The desired state may lack the type, which then was the virtual host's default.
        given = {TYPE: opened.row.type or CLASSIC, **(spec.get("arguments") or {})}
        spec = {**spec, "arguments": given}
    return QueueForm(
        opened.data,
        broker=opened.broker,
        vhosts=vhosts,
        spec=spec,
        generation=opened.generation,
        initial=opened.initial,
    )


def _warnings(desired: DesiredObject) -> Iterable[str]:
    spec = desired.spec or {}
    exchange = (spec.get("arguments") or {}).get("x-dead-letter-exchange")
    if (
        desired.new
        and isinstance(exchange, str)
        and exchange
        and not _has_exchange(desired, exchange)
    ):
        yield (
            f"No exchange {exchange} was seen in {desired.ref.key[0]}. Until it exists, RabbitMQ drops "
            "what this queue dead-letters, or keeps it in the queue (at-least-once)."
        )


def _has_exchange(desired: DesiredObject, name: str) -> bool:
    rows = Exchange.objects.filter(broker=desired.broker, vhost=desired.ref.key[0])
    return not rows.exists() or rows.filter(name=name).exists()


QUEUE_FORM = OwnForm(
    make=_form,
    about=(
        "Messages wait in a queue until a consumer takes them.",
        "RabbitMQ can't change a queue in place. It is deleted and declared again.",
    ),
    warnings=_warnings,
    css="css/queue_form.css",
    typed_in_production=True,
)
