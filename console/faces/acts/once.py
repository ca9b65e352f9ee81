"""Generated passwords, each shown once its change is applied and until the person puts it away.

They are in the person's session, encrypted: they end with it, and nobody else can see them. Before the
change is applied there is nothing to show: a password that doesn't work yet only gets copied too early.
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

#: In the session's data: {change: ciphertext}.
_KEPT = "generated_passwords"
#: The oldest ones go: a session is no place to collect passwords.
_MOST = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Generated:
    """A generated password and what became of its change. `secret` is "" unless it works."""

    change: Change
    state: Literal["waiting", "works", "failed"]
    secret: str = ""


def remember(request: HttpRequest, change: Change, secret: str) -> None:
    """Keep the password that the change sets, for the person's own session."""
    kept = {**request.session.get(_KEPT, {}), str(change.pk): encrypt(Secret(secret))}
    request.session[_KEPT] = dict(list(kept.items())[-_MOST:])


def generated(request: HttpRequest) -> list[Generated]:
    """Return the passwords that were not put away yet, newest first. No query without any."""
    kept = request.session.get(_KEPT) if hasattr(request, "session") else None
    if not kept:
        return []
    changes = Change.objects.filter(pk__in=list(kept)).order_by("-created_at")
    request.shows_secret = True  # type: ignore[attr-defined]  # console.faces.pages.compress
    return [_shown(change, kept[str(change.pk)]) for change in changes]


def put_away(request: HttpRequest, change: str) -> None:
    """Forget the password of this change; nothing where there is none."""
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
