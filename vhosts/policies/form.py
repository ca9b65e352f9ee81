"""The form of policies: in one virtual host, or in all whose names match a pattern; with the keys that the
broker's version has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.forms.widgets import Script
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString

from accessctl.patterns.check import dialect_of, why_not_pattern
from console.engine.supported import facts_of_version
from console.faces.acts.forms import Name, Row
from console.faces.drawing import Opened, OwnForm
from console.faces.face import FACES
from console.faces.objects.forms import ObjectForm
from console.kinds.common.kind import Key
from console.kinds.refusals.policy_keys import known_keys
from console.models import Broker
from vhosts.models import VirtualHost
from vhosts.policies.matching import matcher
from vhosts.queues.meanings import MEANINGS

#: Most virtual hosts of one change.
MOST_VHOSTS = 200
_UNITS = {"ms": "milliseconds", "age": ""}
_EXCHANGES = ("alternate-exchange",)


class PolicyForm(ObjectForm):
    """A new policy goes to one virtual host (`vhost`) or to those whose names match `vhosts`."""

    def __init__(self, opened: Opened, kind: str) -> None:
        super().__init__(
            FACES[kind],
            opened.data,
            spec=opened.spec,
            generation=opened.generation,
            initial=opened.initial,
        )
        self._opened = opened
        self._vhosts: list[str] = []
        definition = self.fields["definition"]
        definition.widget = _Definition(opened.broker, kind, definition.widget.attrs)
        if opened.row is None:
            self.fields["vhost"].required = False
            self.fields["vhosts"] = Name(
                label="Or several virtual hosts",
                help_text="A regular expression over the names of virtual hosts, such as ^orders. The "
                "preview shows one step for each; existing policies of this name are changed.",
                required=False,
            )
            title, rows = self.layout[0]
            self.layout = [(title, [rows[0], Row("vhosts", optional=True), *rows[1:]])]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self._opened.row is not None or self.errors.get("vhosts"):
            return cleaned
        pattern = cleaned.get("vhosts", "")
        if cleaned.get("vhost") and pattern:
            self.add_error("vhosts", "Enter one virtual host, or a pattern for several, not both.")
        elif pattern:
            self._find(pattern)
        elif not cleaned.get("vhost") and "vhost" not in self.errors:
            self.add_error("vhost", "Enter the virtual host.")
        return cleaned

    def _find(self, pattern: str) -> None:
        broker = self._opened.broker
        dialect = dialect_of(broker.status.erlang_version)
        if reason := why_not_pattern(pattern, dialect):
            self.add_error("vhosts", reason)
            return
        test = matcher(dialect)(pattern)
        names = VirtualHost.objects.visible_to(self._opened.user).filter(broker=broker)
        self._vhosts = [
            name for name in names.order_by("name").values_list("name", flat=True) if test(name)
        ]
        if not self._vhosts:
            self.add_error("vhosts", "No virtual host that you can see matches this pattern.")
        elif len(self._vhosts) > MOST_VHOSTS:
            self.add_error(
                "vhosts",
                f"{len(self._vhosts)} virtual hosts match; the limit is {MOST_VHOSTS}. Use a narrower "
                "pattern.",
            )

    def keys(self, identity: Sequence[str]) -> list[Key]:
        if not self._vhosts:
            return super().keys(identity)
        return [(vhost, self.cleaned_data["name"]) for vhost in self._vhosts]


class _Definition(forms.Textarea):
    """The lines of a definition, with the keys that the broker has, below them. The script shows the
    lines as rows."""

    class Media:
        js = (Script("js/definition.js", type="module"),)

    def __init__(self, broker: Broker, kind: str, attrs: dict[str, Any]) -> None:
        super().__init__({**attrs, "data-definition": ""})
        self._broker, self._kind = broker, kind

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        facts = facts_of_version(self._broker)
        keys = [
            {
                "name": key,
                "form": form,
                "unit": _UNITS.get(MEANINGS[key].unit, MEANINGS[key].unit)
                if key in MEANINGS
                else "",
                "types": _types(key),
                "sentence": MEANINGS[key].sentence if key in MEANINGS else "",
            }
            for key, form in known_keys(facts, operator=self._kind == "operator_policy")
        ]
        table = render_to_string(
            "vhosts/_definition_keys.html", {"keys": keys, "broker_version": facts.called}
        )
        return format_html("{}{}", super().render(name, value, attrs, renderer), table)


def _types(key: str) -> str:
    if key in _EXCHANGES:
        return "exchanges"
    known = MEANINGS.get(key)
    if known is None or len(known.types) == 3:
        return "all"
    return ", ".join(known.types)


def own_form(kind: str, about: str) -> OwnForm:
    """Return the form of policies or operator policies."""
    return OwnForm(
        make=lambda opened: PolicyForm(opened, kind),
        about=(about, about),
        prefills=("vhosts", "pattern", "apply_to", "definition", "priority"),
    )
