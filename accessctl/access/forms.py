"""Forms of the pages under /access/. They only read input; the rules are in the services."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.models import Group, User

from accessctl.grants.roles import ABOUT, Role
from accessctl.grants.service import GrantSettings
from accessctl.reach import AnyUser
from accessctl.rights import Permission
from accessctl.tokens.presets import LABELS, Preset, scopes_of
from console.errors import InvalidField
from console.models import Broker, Environment

_TEXT = {"class": "form-control", "autocomplete": "off", "spellcheck": "false"}
_SELECT = {"class": "form-select"}
_ABOUT = {"vhosts": "Virtual hosts", "explain": "Explain access", "hashes": "Password hashes"}


class AccessForm(forms.Form):
    use_required_attribute = False

    def refuse(self, error: InvalidField) -> None:
        self.add_error(error.field if error.field in self.fields else None, error.message)


class GrantForm(AccessForm):
    to = forms.ChoiceField(label="To", widget=forms.Select(_SELECT))
    role = forms.ChoiceField(
        choices=[(role.value, role.label) for role in Role],
        widget=forms.Select(_SELECT),
        help_text=" ".join(f"{role.label}: {ABOUT[role]}" for role in Role),
    )
    place = forms.ChoiceField(label="On", widget=forms.Select(_SELECT))
    vhost_pattern = forms.CharField(
        label="Virtual hosts",
        required=False,
        strip=False,
        max_length=255,
        widget=forms.TextInput({**_TEXT, "placeholder": "*"}),
        help_text="* matches any characters: /team-* matches every virtual host whose name "
        "begins with /team-. Empty: all virtual hosts.",
    )
    reads_messages = forms.BooleanField(
        label="Messages",
        required=False,
        widget=forms.CheckboxInput({"class": "form-check-input"}),
        help_text="Not part of any role: operating a broker doesn't require access to message contents.",
    )

    def __init__(self, *args: Any, user: AnyUser, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._user = user
        people = User.objects.order_by("username").values_list("pk", "username")
        groups = Group.objects.order_by("name").values_list("pk", "name")
        choices: Any = [
            ("", "Choose"),
            ("People", [(f"user-{pk}", name) for pk, name in people]),
            ("Groups", [(f"group-{pk}", name) for pk, name in groups]),
        ]
        self.fields["to"].choices = choices  # type: ignore[attr-defined]
        brokers = Broker.objects.visible_to(user).values_list("pk", "name")
        environments = [
            (f"env-{value}", f"All {label.lower()} brokers") for value, label in Environment.choices
        ]
        places: Any = [
            ("", "Choose"),
            ("Brokers", [(f"broker-{pk}", name) for pk, name in brokers]),
            ("Groups of brokers", [*environments, ("all", "All brokers")]),
        ]
        self.fields["place"].choices = places  # type: ignore[attr-defined]

    def settings(self) -> GrantSettings:
        kind, _, to = self.cleaned_data["to"].partition("-")
        where, _, at = self.cleaned_data["place"].partition("-")
        return GrantSettings(
            user=User.objects.filter(pk=to).first() if kind == "user" else None,
            group=Group.objects.filter(pk=to).first() if kind == "group" else None,
            role=self.cleaned_data["role"],
            broker=Broker.objects.visible_to(self._user).filter(pk=at).first()
            if where == "broker"
            else None,
            environment=at if where == "env" else "",
            vhost_pattern=self.cleaned_data["vhost_pattern"],
            reads_messages=self.cleaned_data["reads_messages"],
        )


class WhyForm(AccessForm):
    """Ask whether a person can do something somewhere, and why. `person` is only for people who
    may see accounts."""

    person = forms.ModelChoiceField(
        User.objects.order_by("username"), widget=forms.Select(_SELECT), to_field_name="username"
    )
    permission = forms.ChoiceField(
        choices=[(p.value, p.value) for p in Permission], widget=forms.Select(_SELECT)
    )
    broker = forms.ModelChoiceField(
        Broker.objects.none(), required=False, widget=forms.Select(_SELECT),
        empty_label="Any broker",
    )  # fmt: skip
    vhost = forms.CharField(
        label="Virtual host", required=False, strip=False, max_length=255,
        widget=forms.TextInput({**_TEXT, "placeholder": "whole broker"}),
    )  # fmt: skip

    def __init__(self, *args: Any, user: AnyUser, sees_people: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["broker"].queryset = Broker.objects.visible_to(user)  # type: ignore[attr-defined]
        if not sees_people:
            del self.fields["person"]


class PersonForm(AccessForm):
    username = forms.CharField(label="Name", max_length=150, widget=forms.TextInput(_TEXT))


class FirstPasswordForm(AccessForm):
    """The code comes from the end of the link (static/js/first_password.js), or is pasted."""

    code = forms.CharField(
        label="Code",
        max_length=200,
        widget=forms.TextInput({**_TEXT, "data-code": ""}),
        help_text="The part of the link after #.",
        error_messages={"required": "Open the link you received, or paste the part after # here."},
    )
    password1 = forms.CharField(
        label="New password",
        strip=False,
        max_length=1000,
        widget=forms.PasswordInput({"class": "form-control", "autocomplete": "new-password"}),
        help_text="At least 12 characters; not a common password and not similar to your name.",
        error_messages={"required": "Enter a password."},
    )
    password2 = forms.CharField(
        label="Repeat password",
        strip=False,
        max_length=1000,
        widget=forms.PasswordInput({"class": "form-control", "autocomplete": "new-password"}),
        error_messages={"required": "Repeat the password."},
    )

    def clean(self) -> dict[str, Any]:
        said = super().clean() or self.cleaned_data
        first, second = said.get("password1"), said.get("password2")
        if first and second and first != second:
            self.add_error("password2", "The two passwords don't match.")
        return said


class GroupForm(AccessForm):
    name = forms.CharField(max_length=150, widget=forms.TextInput(_TEXT))


class GroupsForm(AccessForm):
    groups = forms.ModelMultipleChoiceField(
        Group.objects.order_by("name"), required=False, widget=forms.CheckboxSelectMultiple
    )


class TokenForm(AccessForm):
    name = forms.CharField(
        max_length=100, widget=forms.TextInput(_TEXT), help_text="What the token is for."
    )
    expires_in_days = forms.IntegerField(
        label="Expires after",
        initial=90,
        min_value=1,
        max_value=366,
        widget=forms.NumberInput({**_TEXT, "min": 1, "max": 366}),
        help_text="1 to 366 days.",
    )
    preset = forms.ChoiceField(
        label="Permissions",
        required=False,
        initial=Preset.READ,
        choices=[(one.value, LABELS[one]) for one in Preset],
        widget=forms.RadioSelect({"class": "form-check-input"}),
        help_text="A token never has more permissions than you.",
    )
    scopes = forms.MultipleChoiceField(
        required=False,
        choices=[(p.value, p.value) for p in Permission],
        widget=forms.CheckboxSelectMultiple({"class": "form-check-input"}),
    )
    networks = forms.CharField(
        required=False,
        max_length=1000,
        widget=forms.TextInput({**_TEXT, "placeholder": "10.1.0.0/16, 192.0.2.7"}),
        help_text="Networks the token can be used from, separated by commas. Empty: anywhere.",
    )

    def clean(self) -> dict[str, Any]:
        said = super().clean() or self.cleaned_data
        # A request with scopes means them; one without a choice gets the fewest permissions.
        said["preset"] = said.get("preset") or (
            Preset.CUSTOM if said.get("scopes") else Preset.READ
        )
        if said["preset"] == Preset.CUSTOM and not said.get("scopes"):
            self.add_error("scopes", "Select at least one permission, or another choice above.")
        return said

    def wanted_scopes(self) -> list[str] | None:
        """Return the scopes of a valid form, for the service; None for no limit."""
        return scopes_of(Preset(self.cleaned_data["preset"]), self.cleaned_data["scopes"])

    def scope_groups(self) -> list[tuple[str, list[forms.boundfield.BoundWidget]]]:
        """Return the checkboxes of `scopes` by subject, such as ("Virtual hosts", [...])."""
        groups: dict[str, list[forms.boundfield.BoundWidget]] = {}
        for box in self["scopes"]:
            about = str(box.data["value"]).partition(":")[0]
            groups.setdefault(_ABOUT.get(about, about.capitalize()), []).append(box)
        return list(groups.items())
