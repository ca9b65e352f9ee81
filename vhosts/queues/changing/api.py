"""Queues in the API: the bodies of writes."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from console.faces.rest.drawn.changing import BrokerField, Reasoned
from console.faces.rest.fields import Flag, Text
from console.kinds.queue import QUEUE
from console.kinds.refusals.queue_table import ARGUMENTS
from vhosts.queues.changing.services import MODES


def _described() -> str:
    """Return the arguments as text, from their one table."""
    lines = []
    for name, argument in ARGUMENTS.items():
        bounds = ", ".join(argument.choices) or argument.range
        since = f"; from RabbitMQ {argument.since} on" if argument.since else ""
        until = f"; until RabbitMQ {argument.until}" if argument.until else ""
        unit = f" in {argument.unit}" if argument.unit in ("ms", "bytes") else ""
        more = f" ({bounds}{unit}{since}{until})" if bounds or since or until or unit else ""
        lines.append(f"`{name}` for {', '.join(argument.types)}: {argument.help}{more}")
    return "\n\n".join(["Arguments of the queue, with `x-queue-type`:", *lines])


class QueueNew(Reasoned):
    broker = BrokerField(help_text="A broker's ID or name.")
    vhost = Text(max_length=255, help_text="The exact name of the virtual host.")
    name = Text(max_length=255, help_text="The exact name.")
    durable = Flag(required=False, help_text="Default: true.")
    auto_delete = Flag(required=False, help_text="Default: false.")
    arguments = serializers.DictField(required=False, help_text=_described())

    class Meta:
        ref_name = "QueueNew"


class QueueReplacement(Reasoned):
    """Fields that you leave out keep their values."""

    durable = Flag(required=False)
    auto_delete = Flag(required=False)
    arguments = serializers.DictField(required=False, help_text="All arguments of the new queue.")
    lose_messages = Flag(
        default=False,
        help_text="`true`: replace it even if it holds messages, which are lost. Default: RabbitMQ "
        "refuses that.",
    )
    carry_bindings = Flag(default=True, help_text="Create its bindings again. Default: true.")

    class Meta:
        ref_name = "QueueReplacement"


class QueueDeletion(Reasoned):
    mode = serializers.ChoiceField(
        choices=[(name, label) for name, label in MODES.items()],
        default="always",
        help_text="`if_empty`: RabbitMQ refuses it while the queue has messages; `if_unused`: while it "
        "has consumers.",
    )

    class Meta:
        ref_name = "QueueDeletion"


def fields_of(body: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of the spec in a checked body."""
    return {field.name: body[field.name] for field in QUEUE.fields if field.name in body}
