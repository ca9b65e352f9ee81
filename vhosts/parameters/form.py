"""The forms of parameters without a kind of their own, and of global parameters."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms

from console.faces.acts.forms import Row
from console.faces.drawing import Opened, OwnForm
from vhosts.parameters.typed import SecretForm, WithoutPasswords


class JsonForm(SecretForm):
    """`text` is the whole value as JSON."""

    text = forms.CharField(
        label="Value",
        max_length=200_000,
        strip=False,
        widget=WithoutPasswords(8),
        help_text='Any JSON value, such as 5, "text" or {"a": 1}. A URI without username and '
        "password keeps those that it has on the broker.",
        error_messages={"required": "Enter a value."},
    )

    def __init__(self, opened: Opened) -> None:
        super().__init__(opened)
        rows = [Row(name) for name, *_ in self.key_controls]
        self.layout = [("Parameter", [*rows, Row("text")])]
        self.order_fields(["generation", *(name for name, *_ in self.key_controls), "text"])

    def shown(self, value: Any) -> dict[str, Any]:
        if value is None and self._before is None:
            return {}
        return {"text": json.dumps(value, ensure_ascii=False, indent=2)}

    def value(self, said: Mapping[str, Any]) -> Any:
        try:
            return json.loads(said["text"])
        except ValueError as error:
            where = getattr(error, "lineno", None)
            at = f" (line {where})" if where else ""
            raise forms.ValidationError({"text": f"This isn't valid JSON{at}."}) from None
        except RecursionError:
            raise forms.ValidationError({"text": "The value is nested too deeply."}) from None

    def control_of(self, key: str) -> str | None:
        return "text"


class ParameterForm(JsonForm):
    key_controls: ClassVar = (
        ("vhost", "Virtual host", "The parameter belongs to it.", "vhosts"),
        ("component", "Component", "The part of a plugin that reads it.", ""),
        ("name", "Name", "1 to 255 bytes. A name can't be changed later.", ""),
    )


class GlobalParameterForm(JsonForm):
    key_controls: ClassVar = (
        ("name", "Name", "1 to 255 bytes. A name can't be changed later.", ""),
    )


PARAMETER_FORM = OwnForm(
    make=ParameterForm,
    about=(
        "A setting in a virtual host that a plugin reads. RabbitMQ refuses components it doesn't know.",
        "Component and name can’t be changed.",
    ),
)
GLOBAL_PARAMETER_FORM = OwnForm(
    make=GlobalParameterForm,
    about=(
        "A setting of the whole broker that plugins and tools read.",
        "The name can’t be changed.",
    ),
)
