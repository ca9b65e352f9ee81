"""Codes by which a person sets a password of their own: made by an administrator, shown once, good for a
day and for one use.

A code is stored nowhere. It is a keyed digest over the account's present password, its last log-in and
the time (Django's own tokens), so that it is void once a password is set, another code is made, or
somebody logs in. In a link it stands behind the #, which browsers send to nobody: no log holds it.
"""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.tokens import PasswordResetTokenGenerator
from django.urls import reverse

from console.faces.pages.links import absolute


class _Codes(PasswordResetTokenGenerator):
    key_salt = "accessctl.people.first_password"


_codes = _Codes()


def make_code(person: User) -> str:
    return f"{person.pk}-{_codes.make_token(person)}"


def person_of_code(code: str) -> User | None:
    """Whose code it is; None for one that is none, or not good any more, or of a disabled account."""
    number, _, token = code.strip().partition("-")
    if not (number.isascii() and number.isdecimal() and len(number) < 10):
        return None
    person = User.objects.filter(pk=int(number), is_active=True).first()
    return person if person is not None and _codes.check_token(person, token) else None


def link_of(code: str) -> str:
    """What the administrator sends to the person."""
    return f"{absolute(reverse('access_first_password'))}#{code}"


def good_for_hours() -> int:
    return int(settings.PASSWORD_RESET_TIMEOUT // 3600)
