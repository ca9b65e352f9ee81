"""End sessions. An ended session is signed out at its next request."""

from __future__ import annotations

import uuid

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction

from accessctl.models import ConsoleSession
from console.audit import User, record


def end_session(session: ConsoleSession, *, acting_user: User) -> None:
    with transaction.atomic():
        whose = session.user.get_username() if session.user else ""
        record(
            "sessions:end",
            target_kind="session",
            target=str(session),
            acting_user=acting_user,
            before={"user": whose, "address": session.address},
        )
        session.delete()


def end_sessions_of(
    person: AbstractBaseUser, *, acting_user: User, keep: uuid.UUID | None = None
) -> int:
    """End all of a person's sessions except `keep`. Return their number. One audit entry for all
    of them."""
    with transaction.atomic():
        sessions = ConsoleSession.objects.filter(user=person.pk)
        if keep is not None:
            sessions = sessions.exclude(ref=keep)
        count, _ = sessions.delete()
        if count:
            record(
                "sessions:end",
                target_kind="person",
                target=person.get_username(),
                acting_user=acting_user,
                before={"sessions": count},
            )
    return count
