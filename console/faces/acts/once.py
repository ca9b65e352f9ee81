"""Generated passwords. Each is shown once its change is applied, until the person dismisses it.

They are stored encrypted in the person's session: they end with it, and nobody else can see them.
Before the change is applied, nothing is shown: the password doesn't work yet and would be copied
too early.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from django.http import HttpRequest

from console.errors import WrongEncryptionKey
from console.models import Change
from console.models.changes import OPEN_CHANGES, ChangeState
from console.rabbitmq.endpoint import Secret
from console.secrets import decrypt, encrypt

#: Key in the session's data, which holds {change: ciphertext}.
_KEPT = "generated_passwords"
#: The oldest are removed, because a session isn't meant to store passwords.
_MOST = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """A generated password and the state of its change. `secret` is "" unless it works."""

    change: Change
    state: Literal["waiting", "works", "failed"]
    secret: str = ""


def remember(request: HttpRequest, change: Change, secret: str) -> None:
    """Store the password that the change sets in the person's session."""
    kept = {**request.session.get(_KEPT, {}), str(change.pk): encrypt(Secret(secret))}
    request.session[_KEPT] = dict(list(kept.items())[-_MOST:])


def generated(request: HttpRequest) -> list[Generated]:
    """Return the passwords that aren't dismissed yet, newest first. No query if there are none."""
    kept = request.session.get(_KEPT) if hasattr(request, "session") else None
    if not kept:
        return []
    changes = Change.objects.filter(pk__in=list(kept)).order_by("-created_at")
    request.shows_secret = True  # type: ignore[attr-defined]  # console.faces.pages.compress
    return [_shown(change, kept[str(change.pk)]) for change in changes]


def put_away(request: HttpRequest, change: str) -> None:
    """Remove the password of this change from the session, if it is there."""
    kept = dict(request.session.get(_KEPT, {}))
    if kept.pop(change, None) is not None:
        request.session[_KEPT] = kept


def _shown(change: Change, ciphertext: str) -> Generated:
    if change.state in OPEN_CHANGES:
        return Generated(change=change, state="waiting")
    if change.state != ChangeState.DONE:
        return Generated(change=change, state="failed")
    try:
        return Generated(change=change, state="works", secret=decrypt(ciphertext).reveal())
    except WrongEncryptionKey:  # the keys were replaced while the session lasted
        return Generated(change=change, state="failed")
