"""Common parts of the forms for broker operations: fields, errors at their field, and the values
carried from the preview to the confirmation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

from django import forms

from console.errors import ConsoleError, InvalidField
from console.kinds.common.kind import Key

MOST_NAME = 1000
TEXT = {"class": "form-control", "autocomplete": "off", "spellcheck": "false"}
SELECT = {"class": "form-select"}
CHECK = {"class": "form-check-input"}


class Name(forms.CharField):
    """A RabbitMQ name. Spaces at its ends count; the services check it."""

    def __init__(self, *, offered: str = "", **kwargs: Any) -> None:
        attrs = {**TEXT, "autocapitalize": "none"} | ({"list": offered} if offered else {})
        widget = forms.TextInput(attrs=attrs)
        super().__init__(strip=False, max_length=MOST_NAME, widget=widget, **kwargs)


class Limit(forms.IntegerField):
    """A limit: empty means no limit, 0 allows nothing."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            required=False,
            min_value=0,
            max_value=2**31 - 1,
            widget=forms.TextInput(attrs={**TEXT, "inputmode": "numeric"}),
            error_messages={
                "invalid": "The limit must be a whole number, 0 or more; leave it empty for none.",
                "min_value": "The limit must be 0 or more; leave it empty for none.",
                "max_value": "The limit can be at most 2147483647; leave it empty for none.",
            },
            **kwargs,
        )


@dataclass(frozen=True, slots=True)
class Row:
    """How a page shows the control called `name`: with a `unit` after it, as a `switch` with that
    text beside it, or as `choices` one below the other. `shown` is the class of its element, for
    style sheets that hide it."""

    name: str
    optional: bool = False
    unit: str = ""
    switch: str = ""
    choices: bool = False
    shown: str = ""


class ActForm(forms.Form):
    """A form for a broker operation. `secret_fields` are never sent back to the browser. `layout`
    has titles with their rows."""

    use_required_attribute = False
    secret_fields: ClassVar[tuple[str, ...]] = ()
    layout: Sequence[tuple[str, Sequence[Row]]] = ()
    #: Names to suggest while typing, by the `offered` of a control without "offered-".
    offers: Mapping[str, Sequence[str]] = MappingProxyType({})
    #: A password that a valid form generated; it is shown once.
    generated = ""
    #: The object's generation when the form was opened, so that another person's change isn't
    #: overwritten.
    generation = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def refuse(self, error: ConsoleError) -> None:
        """Show a service's error at its field, if it has one."""
        field = error.field if isinstance(error, InvalidField) else ""
        self.add_error(self.field_of(field), error.message)

    def field_of(self, field: str) -> str | None:
        """Return the form's field for a service's field; None: the error is shown above the
        form."""
        return field if field in self.fields else None

    def carried(self) -> list[tuple[str, str]]:
        """Return the typed values, without secrets, as hidden fields of the preview."""
        kept = [name for name in self.fields if name not in self.secret_fields]
        return [(name, value) for name in kept for value in self._posted(name)]

    def _posted(self, name: str) -> Iterable[str]:
        data: Any = self.data
        return data.getlist(name) if hasattr(data, "getlist") else [str(data.get(name, ""))]

    def wanted(self) -> Any:
        """Return the values of a valid form, such as the fields of a spec."""
        return dict(self.cleaned_data)

    def keys(self, identity: Sequence[str]) -> list[Key]:
        """Return the keys of the new objects that a valid form describes; usually one."""
        return [tuple(self.cleaned_data[name] for name in identity)]

    def sections(self) -> list[tuple[str, list[tuple[Row, forms.BoundField]]]]:
        """Return the layout with its controls, without those that this form doesn't have."""
        found = [
            (title, [(row, self[row.name]) for row in rows if row.name in self.fields])
            for title, rows in self.layout
        ]
        return [(title, rows) for title, rows in found if rows]

    @property
    def password_lost(self) -> bool:
        """Whether a secret was typed that the form can't show again."""
        data: Any = self.data
        return self.is_bound and any(data.get(name) for name in self.secret_fields)

    def mark(self) -> None:
        """Mark the controls for display and assistive technology: errors and help texts."""
        for name, field in self.fields.items():
            if isinstance(field.widget, forms.RadioSelect):
                continue  # marked as a group: components/_form_choices.html
            described = [f"id_{name}_error"] + ([f"id_{name}_helptext"] if field.help_text else [])
            field.widget.attrs["aria-describedby"] = " ".join(described)
            if name in self.secret_fields:
                field.widget.attrs["data-secret"] = ""  # static/js/forms.js stores no draft of it
            if self.is_bound and name in self.errors:
                field.widget.attrs["aria-invalid"] = "true"


def words_of(text: str) -> list[str]:
    """Split typed tags at commas and line ends."""
    return [word.strip() for word in text.replace("\n", ",").split(",") if word.strip()]


class WriteOnlyText(forms.Textarea):
    """Text of several lines that is sent but never shown again or stored in the browser
    (static/js/forms.js)."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__({**(attrs or {}), "data-secret": ""})

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        return super().get_context(name, None, attrs)
