"""With which API token a change was asked, and whether that is still good when it is applied.

The token is noted at the user of the request, so that no caller can forget to pass it on.
"""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser, User

from console.engine.ports import LIMIT_TO_TOKEN
from console.models import Change


def note_token(user: AbstractBaseUser, token_id: int) -> None:
    """This object of the user acts by this token."""
    user._console_token = token_id  # type: ignore[attr-defined]


def token_of(user: AbstractBaseUser) -> int | None:
    """None: it acts by a log-in."""
    found: int | None = getattr(user, "_console_token", None)
    return found


def why_withdrawn(change: Change, author: User | None, now: datetime) -> str:
    """Why the token that the change was asked with lets nothing of it be applied any more: one sentence;
    "" where it does, or where there was none. From here on this object of the author reaches no further
    than the token."""
    if change.token_id_then is None or author is None:
        return ""
    return LIMIT_TO_TOKEN.ask(author, change.token_id_then, now)
