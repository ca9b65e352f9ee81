from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from django.http import HttpRequest

from accessctl.services.sessions import end_sessions_of
from accessctl.sessions import ref_of


class ClosedAccountAdapter(DefaultAccountAdapter):
    """Nobody signs up: an administrator makes the accounts."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def set_password(self, user: Any, password: str) -> None:
        """A changed password ends the person's other sessions: somebody may hold one of them."""
        super().set_password(user, password)
        session = getattr(context.request, "session", None)
        end_sessions_of(user, acting_user=user, keep=ref_of(session) if session else None)
