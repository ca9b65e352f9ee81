"""Forms of permissions and topic permissions. The services check the rules; forms only read the
input."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django import forms

from accessctl import words as kinds
from accessctl.patterns.check import beginning_with, check
from accessctl.patterns.pcre import Dialect
from accessctl.permissions.patterns import PRESETS, Patterns
from console.faces.acts.forms import CHECK, TEXT, ActForm, Name
from console.kinds.permission import PERMISSION

CLEAR, CUSTOM, PREFIX = "clear", "custom", "prefix"
_RIGHTS = [
    ("full", "Full: configure, write and read everything"),
    ("read only", "Read only: consume from every queue"),
    ("write only", "Write only: publish to every exchange"),
    (PREFIX, "Full access to names that begin with the prefix below"),
    (CUSTOM, "Custom: the three patterns below"),
    ("none", "None: can connect, but the patterns match no name"),
    (CLEAR, "No access: clear the permission; RabbitMQ refuses new connections"),
]
#: {(virtual hosts): [users]}: cells of the matrix, grouped so that one operation covers many.
Cells = Mapping[tuple[str, ...], list[str]]


class Pattern(forms.CharField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            required=False,
            strip=False,
            max_length=5000,
            widget=forms.TextInput(attrs={**TEXT, "autocapitalize": "none", "data-pattern": ""}),
            **kwargs,
        )


class _PatternForm(ActForm):
    """A form with patterns. `dialect` is that of the broker's regular expressions; None if
    unknown."""

    patterns: tuple[str, ...] = ()
    topic = False
    dialect: Dialect | None = None

    def check_patterns(self, given: Mapping[str, str]) -> None:
        """Show an error at each field whose value is certainly not a regular expression."""
        self.notes: list[str] = []
        for name, pattern in given.items():
            found = check(pattern, dialect=self.dialect, topic=self.topic)
            if found.valid is False:
                self.add_error(name, found.error)
            elif found.error:
                self.notes.append(f"{name.capitalize()} {pattern}: {found.error}")
            self.notes += [
                f"{name.capitalize()} {pattern}: {note.sentence}" for note in found.notes
            ]


class PermissionForm(_PatternForm):
    """The permission form. `cells` None: one user and one virtual host, which can be typed."""

    user = Name(
        label="User",
        offered="known-users",
        required=False,
        help_text="A RabbitMQ user of this broker.",
    )
    vhost = Name(
        label="Virtual host",
        offered="known-vhosts",
        required=False,
        help_text="The virtual host the permission applies to.",
    )
    rights = forms.ChoiceField(
        choices=_RIGHTS,
        widget=forms.RadioSelect(attrs=CHECK),
        error_messages={"required": "Select the permissions."},
        help_text="Configure declares and deletes; write publishes; read consumes and purges.",
    )
    # Django keeps a form's fields apart from its attributes, so `prefix` doesn't conflict.
    prefix = Name(  # type: ignore[assignment]
        required=False,
        help_text="Such as orders. – matched literally, for queues and exchanges.",
    )
    configure = Pattern(help_text=kinds.RIGHTS["configure"])
    write = Pattern(help_text=kinds.RIGHTS["write"])
    read = Pattern(help_text=kinds.RIGHTS["read"])
    cells = forms.CharField(required=False, widget=forms.HiddenInput, max_length=2_000_000)

    def __init__(
        self,
        *args: Any,
        cells: Cells | None = None,
        dialect: Dialect | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.dialect = dialect
        self.many = cells
        if cells is not None:
            del self.fields["user"], self.fields["vhost"]

    def clean(self) -> dict[str, Any]:
        super().clean()
        said = self.cleaned_data
        for name in ("user", "vhost"):
            if name in self.fields and not said.get(name) and name not in self.errors:
                self.add_error(name, f"Enter a {str(self.fields[name].label).lower()}.")
        if said.get("rights") == PREFIX and not said.get("prefix") and "prefix" not in self.errors:
            self.add_error("prefix", "Enter a prefix.")
        self.check_patterns(
            {name: said.get(name, "") for name in ("configure", "write", "read")}
            if said.get("rights") == CUSTOM
            else {}
        )
        return said

    def wanted(self) -> Patterns | None:
        """Return the patterns of a valid form; None clears the permission."""
        rights = self.cleaned_data["rights"]
        if rights == CLEAR:
            return None
        if rights == PREFIX:
            pattern = beginning_with(self.cleaned_data["prefix"])
            return Patterns(pattern, pattern, pattern)
        if rights == CUSTOM:
            said = self.cleaned_data
            return Patterns(said["configure"], said["write"], said["read"])
        return PRESETS[rights]

    def places(self) -> Cells:
        if self.many is not None:
            return self.many
        return {(self.cleaned_data["vhost"],): [self.cleaned_data["user"]]}


class TopicPermissionForm(_PatternForm):
    topic = True

    user = Name(label="User", offered="known-users", help_text="A RabbitMQ user of this broker.")
    vhost = Name(
        label="Virtual host", offered="known-vhosts", help_text="The virtual host of the exchange."
    )
    exchange = Name(initial="amq.topic", help_text="Only topic exchanges use topic permissions.")
    write = Pattern(help_text="Routing keys the user can publish with. Empty: none.")
    read = Pattern(help_text="Routing keys the user can bind with. Empty: none.")

    def __init__(self, *args: Any, dialect: Dialect | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.dialect = dialect

    def clean(self) -> dict[str, Any]:
        super().clean()
        self.check_patterns({n: self.cleaned_data.get(n, "") for n in ("write", "read")})
        return self.cleaned_data


class CopyForm(ActForm):
    source = Name(
        label="From", offered="known-users", help_text="The user whose permissions are copied."
    )
    target = Name(
        label="To",
        offered="known-users",
        help_text="The user who gets the permissions. It must exist.",
    )
    replace = forms.BooleanField(
        label="Existing permissions",
        required=False,
        widget=forms.CheckboxInput(attrs=CHECK),
        help_text="Off: permissions in other virtual hosts are kept. Permissions in the same virtual hosts are "
        "replaced in both cases.",
    )


def rights_of(spec: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the form's initial values for a cell's current permission."""
    if spec is None:
        return {}  # the person has to choose
    whole = PERMISSION.canonical(spec)
    patterns = Patterns(**whole)
    named = next((name for name, preset in PRESETS.items() if preset == patterns), CUSTOM)
    return {"rights": named, **whole}


def grouped(pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, ...], list[str]]:
    """Return (user, vhost) pairs as Cells."""
    by_user: dict[str, dict[str, None]] = {}
    for user, vhost in pairs:
        by_user.setdefault(user, {})[vhost] = None
    cells: dict[tuple[str, ...], list[str]] = {}
    for user, vhosts in by_user.items():
        cells.setdefault(tuple(vhosts), []).append(user)
    return cells


def packed(cells: Cells) -> str:
    return json.dumps([[list(vhosts), users] for vhosts, users in cells.items()])


def unpacked(text: str) -> Cells | None:
    """Return Cells from JSON text; None if it isn't valid."""
    try:
        found = json.loads(text)
        cells = {tuple(vhosts): list(users) for vhosts, users in found}
    except (ValueError, TypeError, RecursionError):
        return None
    return cells if cells and all(map(_are_names, [*cells, *cells.values()])) else None


def _are_names(names: Sequence[Any]) -> bool:
    return bool(names) and all(isinstance(name, str) and _can_be_kept(name) for name in names)


def _can_be_kept(name: str) -> bool:
    """Return whether Postgres can store the name. JSON can hold NUL and unpaired surrogates,
    Postgres can't."""
    return "\0" not in name and not any("\ud800" <= character <= "\udfff" for character in name)
