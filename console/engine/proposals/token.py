"""The API token that a change was requested with, and whether it is still valid when the change is
applied.

The token is noted on the request's user object, so that no caller can forget to pass it on.
"""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser, User

from console.engine.ports import LIMIT_TO_TOKEN
from console.models import Change


def note_token(user: AbstractBaseUser, token_id: int) -> None:
    """Record that this user object acts by this token."""
    user._console_token = token_id  # type: ignore[attr-defined]


def token_of(user: AbstractBaseUser) -> int | None:
    """Return the token's ID; None for a signed-in session."""
    found: int | None = getattr(user, "_console_token", None)
    return found


def why_withdrawn(change: Change, author: User | None, now: datetime) -> str:
    """Return one sentence why the token of the change no longer allows it to be applied; "" if it
    does, or if there was no token. From here on, this author object is limited to the rights of the
    token.
    """
    if change.token_id_then is None or author is None:
        return ""
    return LIMIT_TO_TOKEN.ask(author, change.token_id_then, now)
