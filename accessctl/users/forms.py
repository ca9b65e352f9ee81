"""Forms of RabbitMQ users. The services check the rules; forms only read the input."""

from __future__ import annotations

import json
import secrets
import string
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from django import forms

from accessctl import words as kinds
from accessctl.authorize import may
from accessctl.passwords.policy import NOT_JUDGED, rules_in_words
from accessctl.rights import Permission
from accessctl.users.password import Password
from console.engine.proposal import DesiredObject
from console.errors import WrongEncryptionKey
from console.faces.acts.forms import CHECK, SELECT, TEXT, ActForm, Limit, Name, Row, words_of
from console.faces.drawing import Opened, OwnForm
from console.rabbitmq.endpoint import Secret
from console.rabbitmq.passwords import MD5, SHA256, SHA512
from console.secrets import decrypt, encrypt

_ALPHABET = string.ascii_letters + string.digits
#: 24 of 62 characters: 142 bits.
_LENGTH = 24
#: Key of a generated password in the sealed data.
_CLEAR = "clear"
_LIMITS = {"max_connections": "max-connections", "max_channels": "max-channels"}
_TAGS = ("administrator", "monitoring", "policymaker", "management", "impersonator")

KEEP, TYPED, GENERATED, HASHED, NONE = "keep", "typed", "generated", "hashed", "none"
_WAYS = [
    (KEEP, "Keep the current password"),
    (TYPED, "Enter a password"),
    (GENERATED, "Generate a strong password, shown after the user has it"),
    (HASHED, "Enter a password hash"),
    (NONE, "No password: the user authenticates by certificate, or not at all"),
]


class _Once(forms.PasswordInput):
    """Shown in clear while it is typed, and never sent back."""

    input_type = "text"


class UserForm(ActForm):
    """Create or edit a user. `spec` is the current desired state; None for a new user.

    A typed or generated password is hashed at once. From the preview to the confirmation, only
    `sealed` is carried: the hash, encrypted for this user, broker and person, plus a generated
    password. A generated password is sent in clear once it works (console.faces.acts.once), any
    other never.
    """

    secret_fields: ClassVar[tuple[str, ...]] = ("password", "password_hash", "sealed")
    layout = (
        (
            "Authentication",
            (
                Row("name"),
                Row("password_way", choices=True),
                Row("password", shown="when-typed"),
                Row("password_hash", shown="when-hashed"),
                Row("hashing_algorithm", shown="when-hashing"),
            ),
        ),
        ("Tags", (Row("tags", optional=True, choices=True), Row("other_tags", optional=True))),
        (
            "Limits",
            (
                Row("max_connections", optional=True, unit="connections"),
                Row("max_channels", optional=True, unit="channels"),
            ),
        ),
    )

    name = Name(
        help_text="1 to 255 bytes. Colons aren't allowed, because HTTP authentication doesn't support them.",
        error_messages={"required": "Enter a name."},
    )
    password_way = forms.ChoiceField(
        label="Password",
        choices=_WAYS,
        widget=forms.RadioSelect(attrs=CHECK),
        help_text=f"Hashed here with a salt, in RabbitMQ's format. The password itself is never stored or logged. {NOT_JUDGED}",
    )
    password = forms.CharField(
        required=False,
        strip=False,
        max_length=2000,
        label="New password",
        widget=forms.PasswordInput(attrs={**TEXT, "autocomplete": "new-password"}),
        help_text="Used exactly as typed, including spaces.",
    )
    password_hash = forms.CharField(
        required=False,
        max_length=500,
        label="Password hash",
        widget=_Once(attrs=TEXT),
        help_text="Base64 of 4 bytes of salt plus the digest, as in password_hash in a definitions file.",
    )
    hashing_algorithm = forms.ChoiceField(
        label="Hashing algorithm",
        choices=[(SHA256, "SHA-256"), (SHA512, "SHA-512"), (MD5, "MD5, only for an old hash")],
        required=False,
        widget=forms.Select(attrs=SELECT),
        help_text="RabbitMQ's default is SHA-256.",
    )
    tags = forms.MultipleChoiceField(
        required=False,
        choices=[(tag, f"{tag}: {kinds.TAGS[tag]}") for tag in _TAGS],
        widget=forms.CheckboxSelectMultiple(attrs=CHECK),
        help_text="Tags grant access to the management UI and API. Applications that only use AMQP need none.",
    )
    other_tags = forms.CharField(
        required=False,
        max_length=5000,
        widget=forms.TextInput(attrs=TEXT),
        help_text="Separate tags with commas. RabbitMQ itself gives them no meaning.",
    )
    max_connections = Limit(
        help_text="Maximum concurrent connections. 0 allows none; empty means no limit. RabbitMQ: max-connections."
    )
    max_channels = Limit(
        help_text="Maximum concurrent channels over all its connections. Empty means no limit. RabbitMQ: max-channels."
    )
    sealed = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(
        self,
        *args: Any,
        spec: Mapping[str, Any] | None = None,
        may_tag: bool,
        may_limit: bool,
        seal_for: str,
        generation: int | None = None,
        **kwargs: Any,
    ) -> None:
        """`seal_for` names the person and the broker, and the user if known."""
        initial = {**_initial(spec or {}), "generation": generation}
        initial["password_way"] = TYPED if spec is None else KEEP
        kwargs["initial"] = initial
        super().__init__(*args, **kwargs)
        self.fields[
            "password"
        ].help_text = f"Used exactly as typed, including spaces. {rules_in_words()}".strip()
        self._seal_for = seal_for
        if spec is not None:
            del self.fields["name"]
        else:
            self.fields["password_way"].choices = _WAYS[1:]  # type: ignore[attr-defined]
        if not may_tag:
            del self.fields["tags"], self.fields["other_tags"]
        if not may_limit:
            del self.fields["max_connections"], self.fields["max_channels"]
        self._fresh: dict[str, str] | None = None

    def field_of(self, field: str) -> str | None:
        if field == "limits":
            field = "max_connections"
        if field == "tags":
            field = "other_tags"
        return super().field_of(field)

    def _password(self) -> Password | None:
        """Return the new password, of a valid form; None keeps the current one."""
        way = self.cleaned_data["password_way"]
        if way == KEEP:
            return None
        if way == NONE:
            return Password(none=True)
        if found := self._unsealed():
            self.generated = found.pop(_CLEAR, "")
            self._fresh = found
            return Password(hashed=found["password_hash"], algorithm=found["hashing_algorithm"])
        algorithm = self.cleaned_data["hashing_algorithm"] or SHA256
        if way == HASHED:
            given = Password(hashed=self.cleaned_data["password_hash"], algorithm=algorithm)
        elif way == GENERATED:
            self.generated = "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
            given = Password(
                clear=Secret(self.generated), algorithm=algorithm if algorithm != MD5 else SHA256
            )
        else:
            given = Password(clear=Secret(self.cleaned_data["password"]), algorithm=algorithm)
        self._fresh = given.secrets()
        return Password(
            hashed=self._fresh["password_hash"], algorithm=self._fresh["hashing_algorithm"]
        )

    def wanted(self) -> dict[str, Any]:
        """Return the password and the fields of a valid form; values that the form doesn't offer
        are left out and don't change."""
        said = self.cleaned_data
        fields: dict[str, Any] = {"password": self._password()}
        if "tags" in self.fields:
            fields["tags"] = [*said["tags"], *words_of(said["other_tags"])]
        if "max_connections" in self.fields:
            fields["limits"] = {limit: said[name] for name, limit in _LIMITS.items()}
        return fields

    def carried(self) -> list[tuple[str, str]]:
        sealed = []
        if self._fresh is not None:
            kept = {"for": self._owner(), **self._fresh}
            if self.generated:
                kept[_CLEAR] = self.generated
            sealed = [("sealed", encrypt(Secret(json.dumps(kept))))]
        return super().carried() + sealed

    def _owner(self) -> str:
        return f"{self._seal_for} {self.cleaned_data.get('name', '')}"

    def _unsealed(self) -> dict[str, str] | None:
        if not self.cleaned_data["sealed"]:
            return None
        try:
            kept = json.loads(decrypt(self.cleaned_data["sealed"]).reveal())
        except (WrongEncryptionKey, ValueError):
            return None
        if kept.pop("for", None) != self._owner():
            return None
        return {str(name): str(value) for name, value in kept.items()}


def _initial(spec: Mapping[str, Any]) -> dict[str, Any]:
    limits, tags = spec.get("limits") or {}, spec.get("tags") or []
    return {
        "tags": [tag for tag in tags if tag in _TAGS],
        "other_tags": ", ".join(tag for tag in tags if tag not in _TAGS),
        **{name: limits.get(limit) for name, limit in _LIMITS.items()},
    }


_KEPT_OPEN = "Open connections stay open."
_NEW_PASSWORD = f"{_KEPT_OPEN} New connections need the new password."
_NO_PASSWORD = f"{_KEPT_OPEN} New connections can't authenticate with a password."


def _form(opened: Opened) -> UserForm:
    name = "" if opened.row is None else opened.row.name
    return UserForm(
        opened.data,
        spec=opened.spec,
        generation=opened.generation,
        may_tag=may(opened.user, Permission.USERS_TAG, opened.broker),
        may_limit=may(opened.user, Permission.VHOSTS_LIMIT, opened.broker),
        seal_for=f"{opened.user.pk} {opened.broker.pk} {name}",
    )


def _warnings(desired: DesiredObject) -> Iterable[str]:
    if desired.new:
        yield "It has no permissions in any virtual host yet. Set permissions next."
    elif desired.secrets is not None:
        yield _NEW_PASSWORD if desired.secrets["password_hash"] else _NO_PASSWORD


USER_FORM = OwnForm(
    make=_form,
    about=(
        "A RabbitMQ user for an application or a person. Set its permissions in virtual hosts afterwards.",
        "Tags and password can be changed separately.",
    ),
    warnings=_warnings,
    css="css/matrix.css",
    typed_in_production=True,
)
