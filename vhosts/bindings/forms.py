"""The form of a new binding. The kind judges it; the form only reads the input."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms

from console.faces.acts.forms import SELECT, ActForm, Name, Row
from console.faces.drawing import Opened, OwnForm
from console.faces.objects.forms import TableField
from console.kinds.binding import MATCH
from console.kinds.common.values import arguments_key
from vhosts.names import exchange_names, queue_names, vhost_names

_TYPES = {"queue": "Queue", "exchange": "Exchange"}
_MATCHES = {
    "": "Not set: as all",
    "all": "all: every header below must match",
    "any": "any: one matching header is enough",
    "all-with-x": "all-with-x: as all, and headers that begin with x- count too",
    "any-with-x": "any-with-x: as any, and headers that begin with x- count too",
}


class BindingForm(ActForm):
    """Create a binding. It has no fields besides its key, so there is no form to edit one."""

    layout = (
        (
            "Binding",
            (
                Row("vhost"),
                Row("source"),
                Row("destination_type"),
                Row("destination"),
                Row("routing_key", optional=True),
            ),
        ),
        ("Arguments", (Row("match", optional=True), Row("arguments", optional=True))),
    )

    vhost = Name(
        label="Virtual host",
        offered="offered-vhosts",
        help_text="Both ends are in one virtual host.",
        error_messages={"required": "Enter a virtual host."},
    )
    source = Name(
        label="From exchange",
        offered="offered-exchanges",
        help_text="The exchange that routes. Nothing can be bound to the default exchange.",
        error_messages={"required": "Enter an exchange."},
    )
    destination_type = forms.ChoiceField(
        label="To a",
        choices=list(_TYPES.items()),
        widget=forms.Select(attrs=SELECT),
        help_text="An exchange as the destination routes on by its own bindings.",
    )
    destination = Name(
        label="Destination",
        offered="offered-destinations",
        help_text="The queue or exchange that gets the messages.",
        error_messages={"required": "Enter a queue or an exchange."},
    )
    routing_key = Name(
        required=False,
        label="Routing key",
        help_text="At most 255 bytes. Direct: exactly this key. Topic: words separated by dots, * for one word, "
        "# for any number. Fanout and headers exchanges ignore it.",
    )
    match = forms.ChoiceField(
        required=False,
        label="Match headers",
        choices=list(_MATCHES.items()),
        widget=forms.Select(attrs=SELECT),
        help_text=f"For headers exchanges. Other types ignore it. RabbitMQ: {MATCH}.",
    )
    arguments = TableField(
        required=False,
        label="Headers and other arguments",
        help_text="One a line: name = value. Numbers, true, false and lists keep their type; anything else is "
        'text, and "3000" in quotes is text too. 3000 and "3000" are different headers.',
    )

    def __init__(self, *args: Any, offers: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.offers = offers

    def clean(self) -> dict[str, Any]:
        said = super().clean() or self.cleaned_data
        if "arguments" not in said:
            return said
        arguments = dict(said["arguments"])
        if said.get("match"):
            if MATCH in arguments:
                self.add_error("arguments", f"{MATCH} is already set above.")
            arguments[MATCH] = said["match"]
        said["arguments"] = arguments_key(arguments)
        return said

    def wanted(self) -> dict[str, Any]:
        """Return the fields of the spec: none."""
        return {}


def _form(opened: Opened) -> BindingForm:
    vhost = (opened.data or opened.initial).get("vhost")
    where = (opened.broker, vhost, opened.user)
    exchanges = exchange_names(*where)
    return BindingForm(
        opened.data,
        initial=dict(opened.initial),
        offers={
            "vhosts": vhost_names(opened.broker, opened.user),
            "exchanges": exchanges,
            "destinations": sorted({*queue_names(*where), *exchanges}),
        },
    )


BINDING_FORM = OwnForm(
    make=_form,
    about=("A binding makes an exchange route messages to a queue or another exchange.", ""),
    typed_in_production=True,
)
