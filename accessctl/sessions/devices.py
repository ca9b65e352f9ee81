"""Recognize browsers that have signed in to an account before, by a separate cookie ("device
cookies", OWASP).

Failed sign-ins of strangers must not lock an account's owner out. A browser that has signed in
before has its own count of failures, so its owner can sign in while others guess. The cookie
doesn't sign anybody in: it only decides whose failures are counted where. It is void once the
account's password changes elsewhere.
"""

from __future__ import annotations

import hashlib
import secrets
import unicodedata
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.models import User
from django.core import signing
from django.http import HttpRequest, HttpResponseBase
from django.utils.crypto import salted_hmac

_SALT = "accessctl.sessions.devices"
_LASTS_S = 180 * 24 * 3600
#: The only path that needs it: sign-in, its second step and re-authentication.
_PATH = "/accounts/"


@dataclass(frozen=True, slots=True)
class Device:
    """A browser that has signed in to this account. `ref` distinguishes it from others."""

    user_id: int
    ref: str


def account_key(username: str) -> str:
    """Return the name of an account in limits and cookies: the same for all spellings."""
    return unicodedata.normalize("NFKC", username).casefold()


def known_device(request: HttpRequest, username: str) -> Device | None:
    """Return the request's device if it has signed in to this account. None for others, and for a
    cookie that is forged, too old, or from before the password change."""
    value = request.COOKIES.get(_cookie(username))
    if value is None:
        return None
    try:
        user_id, ref, stamp = signing.loads(value, salt=_SALT, max_age=_LASTS_S)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    user = User.objects.filter(pk=user_id).first()
    if user is None or account_key(user.username) != account_key(username):
        return None
    return Device(user.pk, ref) if secrets.compare_digest(stamp, _stamp(user)) else None


def remember_device(request: HttpRequest, response: HttpResponseBase, user: User) -> None:
    """Remember this browser. Call it after a sign-in, and after a password change in it."""
    known = known_device(request, user.username)
    ref = known.ref if known else secrets.token_hex(16)
    response.set_cookie(
        _cookie(user.username),
        signing.dumps([user.pk, ref, _stamp(user)], salt=_SALT),
        max_age=_LASTS_S,
        path=_PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _cookie(username: str) -> str:
    """One cookie per account, for a browser that several people use. Its name doesn't reveal the
    username."""
    return f"warren_device_{hashlib.sha256(account_key(username).encode()).hexdigest()[:12]}"


def _stamp(user: User) -> str:
    return salted_hmac(_SALT, user.password, algorithm="sha256").hexdigest()[:24]
