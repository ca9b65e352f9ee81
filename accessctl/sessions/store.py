"""Sessions in Postgres that know their owner, so that people can see and end them
(SESSION_ENGINE). The facts are in the session's data and are copied to columns on save."""

from __future__ import annotations

import hashlib
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.backends.db import SessionStore as DatabaseSessionStore
from django.http import HttpRequest
from django.utils import timezone

from accessctl.models import ConsoleSession
from console.client_address import client_address

#: Key in the session's data: {"ref", "begun", "seen", "address", "agent"}, times in epoch seconds.
FACTS = "console"
_NOTED_EVERY = timedelta(minutes=1)


class SessionStore(DatabaseSessionStore):
    @classmethod
    def get_model_class(cls) -> type[ConsoleSession]:
        return ConsoleSession

    def create_model_instance(self, data: dict[str, Any]) -> ConsoleSession:
        row: ConsoleSession = super().create_model_instance(data)  # type: ignore[assignment]
        row.session_key = _digest(row.session_key)
        row.user_id = int(data[SESSION_KEY]) if SESSION_KEY in data else None
        if facts := data.get(FACTS):
            row.ref = uuid.UUID(facts["ref"])
            row.begun_at, row.seen_at = _time(facts["begun"]), _time(facts["seen"])
            row.address, row.user_agent = facts["address"], facts["agent"]
        return row

    def exists(self, session_key: str) -> bool:
        return super().exists(_digest(session_key))

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        if key is not None:
            super().delete(_digest(key))

    def _get_session_from_db(self) -> ConsoleSession | None:
        found: ConsoleSession | None = ConsoleSession.objects.filter(
            session_key=_digest(self.session_key or ""), expire_date__gt=timezone.now()
        ).first()
        if found is None:
            self._session_key = None
        return found


def begin(request: HttpRequest, *, now: datetime) -> None:
    """Start a session at sign-in. For its owner it is a new one, whatever it contained before."""
    request.session[FACTS] = {
        "ref": uuid.uuid4().hex,
        "begun": int(now.timestamp()),
        "seen": int(now.timestamp()),
        **_from(request),
    }


def note_use(request: HttpRequest, *, now: datetime) -> None:
    """Note when the session was last used, at most once a minute."""
    facts = request.session.get(FACTS)
    if facts is None:
        begin(request, now=now)
    elif now - _time(facts["seen"]) >= _NOTED_EVERY:
        request.session[FACTS] = {**facts, "seen": int(now.timestamp()), **_from(request)}


def is_over(session: SessionBase, *, now: datetime) -> bool:
    """Return whether it was idle, or has lasted, for too long."""
    facts = session.get(FACTS)
    if facts is None:
        return False
    return (
        now - _time(facts["seen"]) >= settings.SESSION_IDLE
        or now - _time(facts["begun"]) >= settings.SESSION_LASTS
    )


def ref_of(session: SessionBase) -> uuid.UUID | None:
    facts = session.get(FACTS)
    return uuid.UUID(facts["ref"]) if facts else None


def _from(request: HttpRequest) -> dict[str, str]:
    agent = request.META.get("HTTP_USER_AGENT", "")[:300].replace("\0", "")
    return {"address": client_address(request), "agent": agent}


def _digest(session_key: str) -> str:
    # 160 bits, as many as the column of Django's model holds.
    return hashlib.sha256(session_key.encode()).hexdigest()[:40]


def _time(epoch_s: int) -> datetime:
    return datetime.fromtimestamp(epoch_s, tz=UTC)
