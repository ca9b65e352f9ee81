"""The console's rules for clear passwords of RabbitMQ users, from its settings.

The console hashes passwords, so the broker's own credential validator never sees them. A hash from
elsewhere can't be checked.
"""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError

from console.faces.pages.words import listed

#: Why the broker's own rules don't apply; for forms and API descriptions.
NOT_JUDGED = "RabbitMQ gets only the hash, so the broker's own password rules (credential_validator) don't apply."
_CLASSES: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("lower-case letters", str.islower),
    ("upper-case letters", str.isupper),
    ("digits", str.isdigit),
    ("other characters", lambda character: not character.isalnum()),
)


def rules_in_words() -> str:
    """Return the rules in words, for a form's help; "" if there are none."""
    length, classes = settings.BROKER_PASSWORD_LENGTH, settings.BROKER_PASSWORD_CLASSES
    rules = []
    if length > 1:
        rules.append(f"at least {length} characters")
    if classes > 1:
        names = listed([name for name, _ in _CLASSES])
        rules.append(f"{classes} of these: {names}")
    if settings.BROKER_PASSWORD_REFUSE_COMMON:
        rules.append("no common password")
    return f"This console asks for {'; '.join(rules)}." if rules else ""


def why_weak(text: str) -> str:
    """Return why the settings refuse the password, in one sentence without the password; "" if they
    don't."""
    length, classes = settings.BROKER_PASSWORD_LENGTH, settings.BROKER_PASSWORD_CLASSES
    if len(text) < length:
        return f"This password is too short. Use at least {length} characters."
    if sum(any(map(holds, text)) for _, holds in _CLASSES) < classes:
        names = listed([name for name, _ in _CLASSES])
        return f"This password is too simple. Use {classes} of these: {names}."
    if settings.BROKER_PASSWORD_REFUSE_COMMON:
        try:
            CommonPasswordValidator().validate(text)
        except ValidationError:
            return "This password is on the list of common passwords. Choose another one."
    return ""
