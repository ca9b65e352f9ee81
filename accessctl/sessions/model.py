from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.sessions.base_session import AbstractBaseSession, BaseSessionManager
from django.db import models
from django.utils.module_loading import import_string

from accessctl.reach import reach_of
from accessctl.rights import Permission

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

    from accessctl.sessions.store import SessionStore


class ConsoleSessionQuerySet(models.QuerySet["ConsoleSession"]):
    def visible_to(self, user: AbstractBaseUser | AnonymousUser) -> ConsoleSessionQuerySet:
        """Return sessions of signed-in people: the user's own; all for people with people:edit."""
        reach = reach_of(user)
        if not reach.lets(Permission.SESSIONS_OWN):
            return self.none()
        logged_in = self.filter(user__isnull=False)
        if reach.has(Permission.PEOPLE_EDIT):
            return logged_in
        return logged_in.filter(user=user.pk)


class ConsoleSession(AbstractBaseSession):
    """A signed-in browser. `session_key` is a digest of the browser's key, so that a copy of the
    database doesn't let anybody sign in. Only accessctl.sessions.store writes it."""

    #: Identifies the session on pages and in the API; it stays the same when the key changes.
    ref = models.UUIDField(default=uuid.uuid4, db_index=True, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="+"
    )
    begun_at = models.DateTimeField(null=True)
    #: Accurate to the minute.
    seen_at = models.DateTimeField(null=True)
    address = models.TextField(blank=True)
    user_agent = models.TextField(blank=True)

    objects = BaseSessionManager.from_queryset(ConsoleSessionQuerySet)()  # type: ignore[misc]

    class Meta:
        ordering = ["-seen_at", "ref"]

    def __str__(self) -> str:
        return f"session {str(self.ref)[:8]}"

    @classmethod
    def get_session_store_class(cls) -> type[SessionStore]:
        # The same lookup as in Django: the store imports this model.
        found: type[SessionStore] = import_string(f"{settings.SESSION_ENGINE}.SessionStore")
        return found
