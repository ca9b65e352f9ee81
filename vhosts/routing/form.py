from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import QueryDict

from accessctl.authorize import AnyUser
from accessctl.reach import reach_of
from accessctl.rights import Permission
from console.models import Broker

#: Longer input is refused before it is looked at.
_LONGEST = 20_000
_MOST_ROWS = 20
TYPES = {
    "text": "Text",
    "number": "Number",
    "decimal": "Decimal number",
    "boolean": "true or false",
    "null": "null",
    "json": "List or table (JSON)",
}


class _Name(forms.CharField):
    """A RabbitMQ name: leading and trailing spaces count."""

    def __init__(self, offered: str = "", **kwargs: Any) -> None:
        attrs = {"class": "form-control mono", "autocomplete": "off", "spellcheck": "false"}
        if offered:
            attrs["list"] = offered
        kwargs.setdefault("required", False)
        super().__init__(
            strip=False, max_length=_LONGEST, widget=forms.TextInput(attrs=attrs), **kwargs
        )


class RouteForm(forms.Form):
    """Which message. Sent by GET, so that the answer has a URL."""

    broker = forms.ModelChoiceField(
        Broker.objects.none(), empty_label=None, widget=forms.Select(attrs={"class": "form-select"})
    )
    vhost = _Name(label="Virtual host", offered="known-vhosts", required=True)
    exchange = _Name(
        label="Exchange",
        offered="known-exchanges",
        help_text="amq.default, or empty, is the default exchange.",
    )
    routing_key = _Name(label="Routing key")
    expiration = _Name(
        label="Expiration", help_text="The message's own time to live, in milliseconds."
    )
    mandatory = forms.BooleanField(
        label="Mandatory",
        required=False,
        widget=forms.CheckboxInput(attrs={"class": "form-check-input"}),
    )

    def __init__(self, *args: Any, user: AnyUser, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        brokers = Broker.objects.visible_to(user).select_related("status")
        choices = brokers.filter(reach_of(user).brokers(Permission.QUEUES_VIEW))
        field: Any = self.fields["broker"]
        field.queryset = choices
        if len(choices.order_by()[:2]) > 1:  # with several, none is preselected
            field.empty_label = "Select a broker"
            field.error_messages["required"] = "Select a broker."

    def asked(self) -> dict[str, Any]:
        """Return arguments of trace_message, from a valid form."""
        given = self.cleaned_data
        exchange = given["exchange"]
        return {
            "broker": given["broker"],
            "vhost": given["vhost"],
            "exchange": "" if exchange == "amq.default" else exchange,
            "routing_key": given["routing_key"],
            "mandatory": given["mandatory"],
            "properties": {"expiration": given["expiration"]} if given["expiration"] else {},
        }


@dataclass(frozen=True, slots=True)
class HeaderRow:
    """A header as typed. `error` is a sentence; "" if the value fits the type."""

    name: str = ""
    type: str = "text"
    value: str = ""
    error: str = ""


def header_rows(query: QueryDict) -> tuple[list[HeaderRow], dict[str, Any]]:
    """Return the rows of the form (one more than given, empty) and the headers that they make."""
    rows: list[HeaderRow] = []
    headers: dict[str, Any] = {}
    names, types, values = (query.getlist(f"header_{part}") for part in ("name", "type", "value"))
    for at, name in enumerate(names[:_MOST_ROWS]):
        of_type = types[at] if at < len(types) and types[at] in TYPES else "text"
        text = values[at] if at < len(values) else ""
        if not name and not text:
            continue
        error = ""
        if name in headers:
            error = "A header can be given once."
        elif len(name) > _LONGEST or len(text) > _LONGEST:
            error = "Too long."
        else:
            try:
                headers[name] = _value(of_type, text)
            except (ValueError, KeyError, RecursionError):
                error = f"Not a value of the type {TYPES[of_type]}."
        rows.append(HeaderRow(name, of_type, text, error))
    return [*rows, HeaderRow()], headers


def _value(of_type: str, text: str) -> Any:
    if of_type == "text":
        return text
    if of_type == "null":
        return None
    if of_type == "boolean":
        return {"true": True, "false": False}[text.strip().lower()]
    if of_type == "number":
        return int(text.strip()) if len(text) < 30 else _refuse()
    if of_type == "decimal":
        return float(text.strip())
    found = json.loads(text, parse_constant=lambda _: _refuse())
    return found if isinstance(found, list | dict) else _refuse()


def _refuse() -> Any:
    raise ValueError
