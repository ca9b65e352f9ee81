"""The controls of the form of a queue, made from the table of arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms

from console.faces.acts.forms import CHECK, SELECT, TEXT
from console.faces.pages.words import listed
from console.kinds.refusals.queue_table import TYPE, TYPES, Argument

_TYPE_LABELS = {
    "classic": "Classic: on one node; messages are lost if that node is",
    "quorum": "Quorum: replicated; survives the loss of a node",
    "stream": "Stream: a replicated log; reading doesn't remove messages",
}
#: The largest number that an AMQP argument holds.
_LARGEST = 2**63 - 1


def switch_control(label: str, help_text: str) -> forms.BooleanField:
    return forms.BooleanField(
        required=False, label=label, widget=forms.CheckboxInput(attrs=CHECK), help_text=help_text
    )


def vhost_control(vhosts: Sequence[tuple[str, str]]) -> forms.ChoiceField:
    return forms.ChoiceField(
        label="Virtual host",
        choices=[(name, name) for name, _ in vhosts],
        widget=forms.Select(attrs=SELECT),
        error_messages={
            "required": "Select a virtual host.",
            "invalid_choice": "Select a virtual host of this broker.",
        },
    )


def type_control(vhosts: Sequence[tuple[str, str]]) -> forms.ChoiceField:
    own = [f"{default} in {name}" for name, default in vhosts if default]
    more = " and more" if len(own) > 5 else ""
    said = (
        f"Without a type, RabbitMQ takes the default: {listed(own[:5])}{more}; else classic. "
        if own
        else ""
    )
    return forms.ChoiceField(
        label="Type",
        choices=[(one, _TYPE_LABELS[one]) for one in TYPES],
        widget=forms.RadioSelect(attrs=CHECK),
        error_messages={"required": "Select a type."},
        help_text=f"{said}The type can't be changed later without replacing the queue. RabbitMQ: {TYPE}.",
    )


def argument_control(name: str, argument: Argument) -> forms.Field:
    common: dict[str, Any] = {
        "label": argument.label,
        "required": False,
        "help_text": _help(name, argument),
    }
    if argument.control == "choice":
        choices = [("", "Not set"), *((one, one) for one in argument.choices)]
        return forms.ChoiceField(choices=choices, widget=forms.Select(attrs=SELECT), **common)
    if argument.control == "flag":
        choices = [("", "Not set"), ("true", "Yes"), ("false", "No")]
        return forms.ChoiceField(choices=choices, widget=forms.Select(attrs=SELECT), **common)
    if argument.control == "text":
        return forms.CharField(
            strip=False, max_length=1000, widget=forms.TextInput(attrs=TEXT), **common
        )
    return forms.IntegerField(
        min_value=-_LARGEST - 1,
        max_value=_LARGEST,
        widget=forms.TextInput(attrs={**TEXT, "inputmode": "numeric"}),
        error_messages={"invalid": f"{argument.label} must be a whole number."},
        **common,
    )


def _help(name: str, argument: Argument) -> str:
    parts = [argument.help]
    if argument.range:
        parts.append(f"{argument.range}.")
    if argument.since:
        parts.append(f"From RabbitMQ {argument.since} on.")
    if argument.until:
        parts.append(f"Until RabbitMQ {argument.until}.")
    return " ".join([*parts, f"RabbitMQ: {name}."])
