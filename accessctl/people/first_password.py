"""Codes with which people set their own password: created by an administrator, shown once, valid
for a day and for one use.

A code isn't stored. It is a keyed digest of the account's current password, its last sign-in and
the time (Django's own tokens). So it is void as soon as a password is set, another code is
created, or the person signs in. In a link, it follows the #, which browsers never send, so no log
contains it.
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
    """Return the code's owner; None if it is invalid or expired, or if the account is disabled."""
    number, _, token = code.strip().partition("-")
    if not (number.isascii() and number.isdecimal() and len(number) < 10):
        return None
    person = User.objects.filter(pk=int(number), is_active=True).first()
    return person if person is not None and _codes.check_token(person, token) else None


def link_of(code: str) -> str:
    """Return the link that the administrator sends to the person."""
    return f"{absolute(reverse('access_first_password'))}#{code}"


def good_for_hours() -> int:
    return int(settings.PASSWORD_RESET_TIMEOUT // 3600)
