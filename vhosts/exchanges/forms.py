"""The form of a new exchange. The kind judges it; the form only reads the input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms

from console.engine.supported import facts_of
from console.faces.acts.forms import CHECK, SELECT, ActForm, Name, Row
from console.faces.drawing import Opened, OwnForm
from console.faces.objects.forms import TableField
from console.kinds.exchange import ALTERNATE, DELAYED, DELAYED_TYPE, exchange_types
from console.models import Broker
from vhosts.names import exchange_names, vhost_names

#: What an exchange of the type does with a message.
MEANINGS = {
    "direct": "to the queues bound with exactly the message's routing key",
    "fanout": "to everything bound to it; the routing key doesn't matter",
    "topic": "by patterns over the routing key: * is one word, # any number",
    "headers": "by the message's headers, compared with the binding's arguments",
    "x-consistent-hash": "to one of its queues, chosen by a hash of the routing key",
    "x-modulus-hash": "to one of its queues, chosen by a hash of the routing key",
    "x-random": "to one of its queues at random",
    "x-local-random": "to one of its queues on the publisher's node, at random",
    "x-recent-history": "as fanout; new bindings get the last messages",
    DELAYED: "after the time in the header x-delay",
}
#: The same in a few words, for a choice.
_SHORT = {
    "direct": "by exactly the routing key",
    "fanout": "to everything bound to it",
    "topic": "by patterns over the routing key",
    "headers": "by the message's headers",
    "x-consistent-hash": "to one queue, by a hash",
    "x-modulus-hash": "to one queue, by a hash",
    "x-random": "to one queue at random",
    "x-local-random": "to one queue on the same node",
    "x-recent-history": "as fanout, with the last messages",
    DELAYED: "after a delay",
}
_LIKE = ("direct", "fanout", "topic", "headers")


class ExchangeForm(ActForm):
    """Create an exchange. All its properties are fixed, so an existing one is replaced."""

    layout = (
        ("Exchange", (Row("vhost"), Row("name"), Row("type"))),
        (
            "Options",
            (
                Row("durable", switch="Keep it over a restart of the broker"),
                Row("auto_delete", switch="Delete it with its last binding to a destination"),
                Row("internal", switch="Only other exchanges route to it"),
            ),
        ),
        (
            "Arguments",
            (
                Row("alternate", optional=True),
                Row("delayed_type", optional=True),
                Row("arguments", optional=True),
            ),
        ),
    )

    vhost = Name(
        label="Virtual host",
        offered="offered-vhosts",
        help_text="An exchange belongs to one virtual host.",
        error_messages={"required": "Enter a virtual host."},
    )
    name = Name(
        help_text="1 to 255 bytes. RabbitMQ reserves names that begin with amq. The name can't be changed "
        "later.",
        error_messages={"required": "Enter a name."},
    )
    durable = forms.BooleanField(
        required=False, initial=True, widget=forms.CheckboxInput(attrs=CHECK),
        help_text="RabbitMQ: durable.",
    )  # fmt: skip
    auto_delete = forms.BooleanField(
        required=False, label="Auto-delete", widget=forms.CheckboxInput(attrs=CHECK),
        help_text="It stays until something was bound to it once. RabbitMQ: auto_delete.",
    )  # fmt: skip
    internal = forms.BooleanField(
        required=False, widget=forms.CheckboxInput(attrs=CHECK),
        help_text="RabbitMQ refuses messages that clients publish to it. RabbitMQ: internal.",
    )  # fmt: skip
    alternate = Name(
        required=False,
        label="Alternate exchange",
        offered="offered-exchanges",
        help_text=f"Gets the messages that this exchange can't route. A policy can set it too and can be "
        f"changed later. RabbitMQ: {ALTERNATE}.",
    )
    arguments = TableField(
        required=False,
        label="More arguments",
        help_text="One argument a line: name = value. Numbers, true, false and lists keep their type; "
        'anything else is text, and "3000" in quotes is text too.',
    )

    def __init__(self, *args: Any, types: list[str], offers: Mapping[str, Any], **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.offers = offers
        self.fields["type"] = forms.ChoiceField(
            choices=[(one, f"{one}: {_SHORT[one]}" if one in _SHORT else one) for one in types],
            initial="direct",
            widget=forms.Select(attrs=SELECT),
            help_text="How it routes a message. This broker offers these types.",
            error_messages={"invalid_choice": "This broker doesn't offer this exchange type."},
        )
        if DELAYED in types:
            self.fields["delayed_type"] = forms.ChoiceField(
                choices=[("", "Not set"), *((one, one) for one in _LIKE)],
                required=False,
                label="Routes like",
                widget=forms.Select(attrs=SELECT),
                help_text=f"For {DELAYED}: how it routes after the delay. RabbitMQ: {DELAYED_TYPE}.",
            )

    def clean(self) -> dict[str, Any]:
        said = super().clean() or self.cleaned_data
        arguments = said.get("arguments") or {}
        for name, control in ((ALTERNATE, "alternate"), (DELAYED_TYPE, "delayed_type")):
            if said.get(control) and name in arguments:
                self.add_error("arguments", f"{name} is already set above.")
        return said

    def wanted(self) -> dict[str, Any]:
        """Return the fields of the spec. The form must be valid."""
        said = self.cleaned_data
        arguments = dict(said["arguments"])
        for name, control in ((ALTERNATE, "alternate"), (DELAYED_TYPE, "delayed_type")):
            if said.get(control):
                arguments[name] = said[control]
        plain = {name: said[name] for name in ("type", "durable", "auto_delete", "internal")}
        return {**plain, "arguments": arguments}


def _form(opened: Opened) -> ExchangeForm:
    vhost = (opened.data or opened.initial).get("vhost")
    return ExchangeForm(
        opened.data,
        initial=dict(opened.initial),
        types=types_of(opened.broker),
        offers={
            "vhosts": vhost_names(opened.broker, opened.user),
            "exchanges": exchange_names(opened.broker, vhost, opened.user),
        },
    )


def replacement_form(
    broker: Broker, vhost: str, user: Any, data: Any, spec: Mapping[str, Any], generation: int
) -> ExchangeForm:
    """Return the form to declare an existing exchange anew: the same without its place and name."""
    arguments = dict(spec.get("arguments") or {})
    types = types_of(broker)
    initial = {
        **spec,
        "alternate": arguments.pop(ALTERNATE, ""),
        "generation": generation,
    }
    if DELAYED in types:
        initial["delayed_type"] = arguments.pop(DELAYED_TYPE, "")
    form = ExchangeForm(
        data,
        initial={**initial, "arguments": arguments},
        types=types,
        offers={"exchanges": exchange_names(broker, vhost, user)},
    )
    del form.fields["vhost"], form.fields["name"]
    return form


def types_of(broker: Broker) -> list[str]:
    """Return the exchange types that the broker offers, as far as its last poll knows."""
    return exchange_types(facts_of(broker))


EXCHANGE_FORM = OwnForm(
    make=_form,
    about=("An exchange routes messages to queues and other exchanges by its bindings.", ""),
    typed_in_production=True,
)
