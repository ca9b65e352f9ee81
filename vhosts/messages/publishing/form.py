"""The form of a message: what is typed, as a Draft, with errors at the fields."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import QueryDict

from accessctl.authorize import AnyUser
from accessctl.reach import reach_of
from accessctl.rights import Permission
from console.errors import InvalidField
from console.models import Broker
from console.rabbitmq.amqp.properties.fields import Typed
from vhosts.messages.publishing.headers.values import CHOICES, as_text, read_text
from vhosts.messages.publishing.message import (
    MOST_BODY,
    Draft,
    check_body,
    from_base64,
    read_property,
    to_utf8,
    with_delay,
)
from vhosts.messages.publishing.saved.model import MAX_NAME
from vhosts.routing.message import check_name

#: Characters of the editor; larger bodies are uploaded.
MOST_TYPED = 500_000
_LONGEST = 100_000
_MOST_ROWS = 50
FORMATS = {"text": "Text", "json": "JSON (checked)", "base64": "Base64", "hex": "Hex"}
#: Properties with their label and help.
PROPERTY_FIELDS = {
    "content_type": ("Content type", "Such as application/json."),
    "content_encoding": ("Content encoding", "Such as gzip. The body is sent as it is."),
    "delivery_mode": ("Delivery mode", "2 is persistent, 1 transient. Empty counts as transient."),
    "priority": ("Priority", "0 to 255. It counts in queues with x-max-priority."),
    "correlation_id": ("Correlation ID", ""),
    "reply_to": ("Reply to", "The queue for the answer."),
    "expiration": ("Expiration", "Time to live in milliseconds."),
    "message_id": ("Message ID", ""),
    "timestamp": ("Timestamp", "Seconds since 1970, or a time such as 2026-01-31T12:00:00Z."),
    "type": ("Type", ""),
    "user_id": ("User ID", "RabbitMQ refuses any but the user that publishes."),
    "app_id": ("App ID", ""),
    "cluster_id": ("Cluster ID", "Deprecated."),
}
#: What a new form has.
_USUAL = {"delivery_mode": "2"}
_NUMBERS = ("delivery_mode", "priority")


def _text(label: str, offered: str = "", help_text: str = "", **more: Any) -> forms.CharField:
    attrs = {"class": "form-control mono", "autocomplete": "off", "spellcheck": "false"}
    if offered:
        attrs["list"] = offered
    return forms.CharField(
        label=label, help_text=help_text, strip=False, max_length=_LONGEST,
        widget=forms.TextInput(attrs=attrs), **{"required": False, **more},
    )  # fmt: skip


class PublishForm(forms.Form):
    broker = forms.ModelChoiceField(
        Broker.objects.none(), empty_label=None, widget=forms.Select(attrs={"class": "form-select"})
    )
    vhost = _text("Virtual host", "known-vhosts", required=True)
    exchange = _text(
        "Exchange", "known-exchanges",
        "Empty, or amq.default: the default exchange. Its routing key is the queue's name.",
    )  # fmt: skip
    routing_key = _text("Routing key", "known-queues")
    delay = _text("Delay", help_text="Milliseconds. Only x-delayed-message exchanges delay.")
    body_format = forms.ChoiceField(
        label="Body as",
        choices=list(FORMATS.items()),
        required=False,
        widget=forms.Select(attrs={"class": "form-select"}),
    )
    body = forms.CharField(
        label="Body",
        required=False,
        strip=False,
        max_length=MOST_TYPED,
        help_text=f"Up to {MOST_TYPED:,} characters, sent as UTF-8 with line ends as LF.",
        widget=forms.Textarea(
            attrs={"class": "form-control mono", "rows": 8, "spellcheck": "false"}
        ),
    )
    file = forms.FileField(
        label="Or a file",
        required=False,
        allow_empty_file=True,
        help_text=f"Sent as it is, up to {MOST_BODY // 1024 // 1024} MiB. It isn't stored.",
        widget=forms.FileInput(attrs={"class": "form-control"}),
    )

    name = forms.CharField(
        label="Name",
        required=False,
        max_length=MAX_NAME,
        help_text="One of the same name is overwritten.",
        widget=forms.TextInput(attrs={"class": "form-control", "autocomplete": "off"}),
    )
    for_all = forms.BooleanField(
        required=False, widget=forms.CheckboxInput(attrs={"class": "form-check-input"})
    )
    secret = forms.BooleanField(
        required=False, widget=forms.CheckboxInput(attrs={"class": "form-check-input"})
    )

    def __init__(self, *args: Any, user: AnyUser, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["broker"]
        brokers = Broker.objects.visible_to(user).select_related("status")
        field.queryset = brokers.filter(reach_of(user).brokers(Permission.MESSAGES_PUBLISH))
        if len(field.queryset.order_by()[:2]) > 1:
            field.empty_label = "Select a broker"
            field.error_messages["required"] = "Select a broker."
        for name, (label, about) in PROPERTY_FIELDS.items():
            self.fields[name] = _text(label, help_text=about)

    @property
    def properties(self) -> list[forms.BoundField]:
        return [self[name] for name in PROPERTY_FIELDS]

    @property
    def shows_properties(self) -> bool:
        """Whether something is set that the closed part of the form would hide."""
        return any(
            self[name].value() not in (None, "", _USUAL.get(name))
            for name in (*PROPERTY_FIELDS, "delay")
        )

    def draft(self, headers: dict[str, Typed], *, with_body: bool = True) -> Draft | None:
        """Return the message of a valid form; None after adding what is wrong to the form."""
        given, properties = self.cleaned_data, {}
        body = b""
        for name in PROPERTY_FIELDS:
            if text := given[name]:
                try:
                    number = name in _NUMBERS and text.strip().isdecimal() and len(text) < 20
                    properties[name] = read_property(name, int(text) if number else text, name)
                except InvalidField as error:
                    self.add_error(name, error.message)
        for name in ("exchange", "routing_key"):
            self._try(name, check_name, name, given[name])
        if given["delay"]:
            text = given["delay"].strip()
            delay: Any = int(text) if text.isdecimal() and len(text) < 20 else text
            headers = self._try("delay", with_delay, headers, delay) or headers
        if with_body:
            body = self._body() or b""
        if self.errors:
            return None
        exchange = given["exchange"]
        return Draft(
            exchange="" if exchange == "amq.default" else exchange,
            routing_key=given["routing_key"],
            properties=properties,
            headers=headers,
            body=body,
            delays=bool(given["delay"]),
        )

    def _body(self) -> bytes | None:
        given = self.cleaned_data
        sent, text = given.get("file"), given["body"].replace("\r\n", "\n")
        if sent is not None and text:
            self.add_error("file", "Give either a body or a file.")
            return None
        if sent is not None:
            if sent.size > MOST_BODY:
                self.add_error("file", f"{sent.size:,} bytes; the limit is {MOST_BODY:,}.")
                return None
            content: bytes = sent.read()
            return content
        found: bytes | None = self._try("body", body_of, given["body_format"] or "text", text)
        return found

    def _try(self, name: str, function: Any, *args: Any) -> Any:
        try:
            return function(*args)
        except InvalidField as error:
            self.add_error(name, error.message)
            return None


def body_of(as_format: str, text: str) -> bytes:
    """Return the bytes of what is typed in one of FORMATS. Raises InvalidField."""
    if as_format == "base64":
        return check_body(from_base64(text, "body"), "body")
    if as_format == "hex":
        try:
            return bytes.fromhex("".join(text.split()))
        except ValueError:
            raise InvalidField("body", "This isn't valid hex: write two digits per byte.") from None
    if as_format == "json":
        try:
            json.loads(text, parse_constant=_no_constant, parse_int=str)
        except json.JSONDecodeError as error:
            where = f"line {error.lineno}, column {error.colno}"
            raise InvalidField("body", f"This isn't valid JSON ({where}).") from None
        except (ValueError, RecursionError):
            raise InvalidField("body", "This isn't valid JSON.") from None
    return check_body(to_utf8(text, "body"), "body")


def _no_constant(name: str) -> Any:
    raise ValueError(name)


@dataclass(frozen=True, slots=True)
class HeaderRow:
    """A header as typed. `error` is a sentence; "" if the value fits the type."""

    name: str = ""
    type: str = "string"
    value: str = ""
    error: str = ""


def header_rows(query: QueryDict, spare: int = 2) -> tuple[list[HeaderRow], dict[str, Typed]]:
    """Return the rows of the form (with `spare` empty ones more) and the headers that they make."""
    rows: list[HeaderRow] = []
    headers: dict[str, Typed] = {}
    names, types, values = (query.getlist(f"header_{part}") for part in ("name", "type", "value"))
    for at, name in enumerate(names[:_MOST_ROWS]):
        kind = types[at] if at < len(types) and types[at] in CHOICES else "string"
        text = values[at] if at < len(values) else ""
        if not name and not text:
            continue
        error = ""
        try:
            if name in headers:
                raise InvalidField("", "A header can be given once.")
            check_name("", name)
            headers[name] = read_text(kind, text.replace("\r\n", "\n"), "")
        except InvalidField as found:
            error = found.message
        rows.append(HeaderRow(name, kind, text, error))
    return [*rows, *[HeaderRow()] * spare], headers


def rows_of(headers: dict[str, Typed], spare: int = 2) -> list[HeaderRow]:
    """Return the rows that show these headers."""
    rows = [HeaderRow(name, *as_text(value)) for name, value in headers.items()]
    return [*rows, *[HeaderRow()] * spare]
