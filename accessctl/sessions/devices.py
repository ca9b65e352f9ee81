"""Browsers that have signed in to an account before, by a cookie of their own ("device cookies", OWASP).

Failed sign-ins of strangers must not keep an account's owner out. A browser that has signed in before is
counted by itself, so its owner gets in while others guess. The cookie lets nobody in: it only says whose
failures are counted where. It's void when the account's password changes elsewhere.
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
#: The one place where it's needed: the sign-in, its second step and confirming who one is.
_PATH = "/accounts/"


@dataclass(frozen=True, slots=True)
class Device:
    """A browser that has signed in to this account. `ref` tells it from others."""

    user_id: int
    ref: str


def account_key(username: str) -> str:
    """What limits and cookies call an account: the same for all spellings of its name."""
    return unicodedata.normalize("NFKC", username).casefold()


def known_device(request: HttpRequest, username: str) -> Device | None:
    """The device that this request comes from, if it has signed in to this account; None for others,
    and for a cookie that is forged, too old, or from before the password was changed."""
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
    """Call after a sign-in, and after a change of password here: this browser is known from now on."""
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
    """One cookie an account, for a browser that several people use. The name tells no name."""
    return f"warren_device_{hashlib.sha256(account_key(username).encode()).hexdigest()[:12]}"


def _stamp(user: User) -> str:
    return salted_hmac(_SALT, user.password, algorithm="sha256").hexdigest()[:24]
