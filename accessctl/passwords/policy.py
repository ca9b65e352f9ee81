"""What a clear password of a RabbitMQ user must be like, by this console's settings.

A password is hashed here, so that the broker's own credential validator never sees it. A hash that was
made elsewhere can't be judged by anybody.
"""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.contrib.auth.password_validation import CommonPasswordValidator
from django.core.exceptions import ValidationError

from console.faces.pages.words import listed

#: What a broker's own rules have to do with it; for forms and API descriptions.
NOT_JUDGED = "RabbitMQ gets only the hash, so the broker's own password rules (credential_validator) don't apply."
_CLASSES: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("lower-case letters", str.islower),
    ("upper-case letters", str.isupper),
    ("digits", str.isdigit),
    ("other characters", lambda character: not character.isalnum()),
)


def rules_in_words() -> str:
    """What is asked of a password, for the help of a form; "" where nothing is."""
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
    """Why the console's settings refuse the password, in one sentence; "" where they don't. The password
    is in no part of it."""
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
