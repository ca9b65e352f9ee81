"""The form of an object, drawn from its face."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django import forms

from console.faces.acts.forms import SELECT, TEXT, ActForm, Name, Row
from console.faces.drawing import Input
from console.faces.face import Face
from console.kinds.common.values import arguments_key

_MOST_TABLE = 20_000


class TableField(forms.CharField):
    """Lines of `name = value`, as a dict. A value that is valid JSON is read as JSON (3000, true,
    ["a"], "3000"); any other is text."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.Textarea(attrs={**TEXT, "rows": 6, "class": "form-control mono"})
        super().__init__(max_length=_MOST_TABLE, widget=widget, strip=False, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        return "\n".join(f"{name} = {_written(one)}" for name, one in value.items())

    def to_python(self, value: Any) -> Any:
        found: dict[str, Any] = {}
        for number, line in enumerate((value or "").splitlines(), 1):
            if not line.strip():
                continue
            name, sign, text = line.partition("=")
            name = name.strip()
            if not sign or not name:
                raise forms.ValidationError(f"Line {number} must have the form name = value.")
            if name in found:
                raise forms.ValidationError(f"Line {number}: {name[:60]} is already set above.")
            found[name] = _read(text.strip())
        return found

    def validate(self, value: Any) -> None:
        if self.required and not value:
            raise forms.ValidationError(self.error_messages["required"], code="required")

    def run_validators(self, value: Any) -> None:
        return None


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _written(value: Any) -> str:
    if isinstance(value, str) and value == value.strip() and "\n" not in value:
        plain = _read(value)
        if isinstance(plain, str) and plain == value:
            return value
    return json.dumps(value, ensure_ascii=False)


class ObjectForm(ActForm):
    """The form of an object. `spec` has the current values; None for a new object, whose form also
    has controls for the key. `generation` is the object's generation when the form was opened."""

    def __init__(
        self,
        face: Face,
        *args: Any,
        spec: Mapping[str, Any] | None = None,
        generation: int | None = None,
        initial: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs["initial"] = {**(initial or {}), **(spec or {}), "generation": generation}
        super().__init__(*args, **kwargs)
        self._face = face
        self.inputs = list(face.field_inputs if spec is not None else face.inputs)
        defaults = {one.name: one.default for one in face.kind.fields}
        for one in self.inputs:
            self.fields[one.name] = _control(one)
            if spec is None and one.name in defaults:
                self.fields[one.name].initial = defaults[one.name]
        rows = [Row(one.name, optional=one.optional) for one in self.inputs]
        self.layout = [(face.kind.noun.capitalize(), rows)]

    def clean(self) -> dict[str, Any]:
        """Turn the part of the key that is a table into its text."""
        said = super().clean() or self.cleaned_data
        at = self._face.kind.table_at
        name = "" if at is None else self._face.kind.identity[at]
        if name in said:
            said[name] = arguments_key(said[name])
        return said

    def wanted(self) -> dict[str, Any]:
        """Return the fields of the spec. The form must be valid."""
        return {one.name: self.cleaned_data[one.name] for one in self._face.field_inputs}


def _control(one: Input) -> forms.Field:
    common: dict[str, Any] = {
        "label": one.label,
        "help_text": one.help,
        "required": not one.optional,
        "error_messages": {"required": f"Enter the {one.label.lower()}."},
    }
    if one.widget == "choice":
        widget = forms.Select(attrs=SELECT)
        return forms.ChoiceField(choices=list(one.choices.items()), widget=widget, **common)
    if one.widget == "number":
        attrs = {**TEXT, "inputmode": "numeric"}
        common["error_messages"]["invalid"] = f"{one.label} must be a whole number."
        return forms.IntegerField(
            min_value=-(2**31), max_value=2**31 - 1, widget=forms.TextInput(attrs=attrs), **common
        )
    if one.widget == "table":
        return TableField(**common)
    return Name(offered=f"offered-{one.offers}" if one.offers else "", **common)
