"""A form with a control for each known key of a parameter's value, and one for all other keys."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from django import forms

from console.engine.supported import facts_of
from console.errors import WrongEncryptionKey
from console.faces.acts.forms import CHECK, SELECT, TEXT, ActForm, Name, Row
from console.faces.drawing import Opened
from console.faces.objects.forms import TableField
from console.kinds.common.secrets import kept, without_userinfo
from console.kinds.refusals.versions import BrokerFacts
from console.rabbitmq.endpoint import Secret
from console.reconcile.definitions.text import why_unreadable
from console.secrets import decrypt, encrypt

_MOST_TEXT = 20_000
_MOST_NUMBER = 2**53
Problems = Callable[[Any, BrokerFacts], Iterable[tuple[str, str]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key of the value: its control below the title `section`. `text_or_number` is for values
    that are a word or a number."""

    name: str
    section: str
    label: str
    help: str
    widget: Literal["text", "number", "flag", "choice", "table", "uris", "text_or_number"] = "text"
    choices: Mapping[str, str] = field(default_factory=dict)
    required: bool = False
    unit: str = ""

    @property
    def control(self) -> str:
        return self.name.replace("-", "_")


class WithoutPasswords(forms.Textarea):
    """Text with URIs, in which passwords are sent and never shown again. The browser stores no
    draft of it (static/js/forms.js). `only_uris`: each line is a URI, so one that still has an @ is
    left out, because its password may have an unescaped character."""

    def __init__(self, rows: int, *, only_uris: bool = False) -> None:
        attrs = {**TEXT, "rows": rows, "class": "form-control mono", "data-secret": ""}
        super().__init__(attrs)
        self._only_uris = only_uris

    def format_value(self, value: Any) -> str | None:
        shown: str | None = without_userinfo(super().format_value(value))
        if shown is None or not self._only_uris:
            return shown
        return "\n".join(line for line in shown.split("\n") if "@" not in line)


class SecretForm(ActForm):
    """The form of a parameter. Its value may hold passwords in URIs: they reach the browser only
    encrypted, from the preview to the confirmation. A URI without username and password keeps those
    of the same URI on the broker.

    Subclasses implement `shown` and `value`.
    """

    secret_fields: ClassVar[tuple[str, ...]] = ("sealed",)
    sealed = forms.CharField(required=False, widget=forms.HiddenInput)
    #: Controls for the parts of the key: name, label, help, what is offered while typing.
    key_controls: ClassVar[Sequence[tuple[str, str, str, str]]] = ()

    def __init__(self, opened: Opened, problems: Problems | None = None) -> None:
        spec = opened.spec
        self._before = None if spec is None else spec.get("value")
        self._facts, self._problems = facts_of(opened.broker), problems
        self._owner = f"{opened.user.pk} {opened.broker.pk}"
        self._value: Any = None
        initial = {**opened.initial, **self.shown(self._before), "generation": opened.generation}
        super().__init__(opened.data, initial=initial)
        if opened.row is None:
            for name, label, help_text, offers in self.key_controls:
                self.fields[name] = Name(
                    label=label, help_text=help_text, offered=f"offered-{offers}" if offers else "",
                    error_messages={"required": f"Enter the {label.lower()}."},
                )  # fmt: skip

    @abstractmethod
    def shown(self, value: Any) -> dict[str, Any]:
        """Return the initial values of the controls; `value` None: of a new object."""

    @abstractmethod
    def value(self, said: Mapping[str, Any]) -> Any:
        """Return the value from the checked controls. Raises ValidationError."""

    def control_of(self, key: str) -> str | None:
        """Return the control for a key of the value; None: the form as a whole."""
        return None

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or {}
        if self.errors:
            return said
        value = self.value(said)
        if reason := why_unreadable(value):
            raise forms.ValidationError(reason)
        self._value = kept(value, self._unsealed())
        if self._problems is not None:
            for key, sentence in self._problems(self._value, self._facts):
                self.add_error(self.control_of(key), sentence)
        return said

    def wanted(self) -> dict[str, Any]:
        return {"value": self._value}

    def field_of(self, field: str) -> str | None:
        return super().field_of(field) if field != "value" else self.control_of("")

    def carried(self) -> list[tuple[str, str]]:
        found = [(name, _masked(text)) for name, text in super().carried()]
        if without_userinfo(self._value) != self._value:
            sealed = {"for": self._owner, "value": self._value}
            found.append(("sealed", encrypt(Secret(json.dumps(sealed)))))
        return found

    @property
    def password_lost(self) -> bool:
        data: Any = self.data
        return self.is_bound and (
            bool(data.get("sealed"))
            or any(_masked(str(data.get(name, ""))) != data.get(name, "") for name in self.fields)
        )

    def _unsealed(self) -> Any:
        if not self.cleaned_data.get("sealed"):
            return None
        try:
            found = json.loads(decrypt(self.cleaned_data["sealed"]).reveal())
        except (WrongEncryptionKey, ValueError):
            return None
        return found["value"] if found.get("for") == self._owner else None


def _masked(text: str) -> str:
    return str(without_userinfo(text))


class TypedForm(SecretForm):
    """The form of a parameter whose value is an object with known `settings`."""

    settings: ClassVar[Sequence[Key]] = ()

    def __init__(self, opened: Opened, problems: Problems) -> None:
        super().__init__(opened, problems)
        for key in self.settings:
            self.fields[key.control] = _control(key)
        self.fields["more"] = TableField(
            label="Other settings",
            required=False,
            help_text="Settings without a field above, one a line: name = value, such as "
            'src-queue-args = {"x-queue-type": "quorum"}.',
        )
        self.fields["more"].widget = WithoutPasswords(3)
        first = [name for name, *_ in self.key_controls]
        sections: dict[str, list[Row]] = {"": [Row(name) for name in first]}
        for key in self.settings:
            row = Row(
                key.control, optional=not key.required and key.widget not in ("flag", "choice"),
                unit=key.unit, switch=key.label if key.widget == "flag" else "",
            )  # fmt: skip
            sections.setdefault(key.section, []).append(row)
        names = sections.pop("")
        self.layout = [
            ("Name", names), *sections.items(), ("More", [Row("more", optional=True)]),
        ]  # fmt: skip

    def shown(self, value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            return {}
        known = {key.name: key for key in self.settings}
        found = {
            key.control: _shown(key, value[key.name]) for key in self.settings if key.name in value
        }
        return {**found, "more": {name: one for name, one in value.items() if name not in known}}

    def value(self, said: Mapping[str, Any]) -> dict[str, Any]:
        before = self._before if isinstance(self._before, Mapping) else {}
        found: dict[str, Any] = {}
        for key in self.settings:
            given = _given(key, said[key.control], before.get(key.name))
            if given is not None:
                found[key.name] = given
        for name, one in said["more"].items():
            if name in {key.name for key in self.settings}:
                raise forms.ValidationError(
                    {"more": f"{name[:60]} has a field of its own above; enter it there."}
                )
            found[name] = one
        return dict(sorted(found.items()))

    def control_of(self, key: str) -> str | None:
        return next(
            (one.control for one in self.settings if one.name == key), "more" if key else None
        )


def _shown(key: Key, value: Any) -> Any:
    if key.widget == "uris" and isinstance(value, list):
        return "\n".join(map(str, value))
    return value


def _given(key: Key, said: Any, before: Any) -> Any:
    """Return the value of a key from its control; None: leave the key out."""
    if key.widget == "uris":
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        return lines if len(lines) > 1 or isinstance(before, list) else "".join(lines) or None
    if key.widget == "flag":
        return True if said else (None if before is None else False)
    if said == "" and before == "":
        # Not the same as absent: with dest-exchange "" a shovel publishes to the default exchange.
        return before
    if key.widget == "text_or_number":
        return int(said) if said.isascii() and said.isdecimal() and len(said) < 16 else said or None
    return None if said in ("", None, {}) else said


def _control(key: Key) -> forms.Field:
    common: dict[str, Any] = {"label": key.label, "help_text": key.help, "required": False}
    if key.widget == "choice":
        widget = forms.Select(attrs=SELECT)
        return forms.ChoiceField(choices=list(key.choices.items()), widget=widget, **common)
    if key.widget == "flag":
        common["label"] = ""
        return forms.BooleanField(widget=forms.CheckboxInput(attrs=CHECK), **common)
    if key.widget == "number":
        attrs = {**TEXT, "inputmode": "numeric"}
        common.setdefault("error_messages", {})["invalid"] = f"{key.label} must be a whole number."
        return forms.IntegerField(
            min_value=0, max_value=_MOST_NUMBER, widget=forms.TextInput(attrs=attrs), **common
        )
    if key.widget == "table":
        return TableField(**common)
    if key.widget == "uris":
        return forms.CharField(
            max_length=_MOST_TEXT, strip=False, widget=WithoutPasswords(2, only_uris=True), **common
        )
    return forms.CharField(
        max_length=1000, strip=False, widget=forms.TextInput(attrs=TEXT), **common
    )
