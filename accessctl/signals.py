"""What Django and allauth tell only by a signal: somebody logged in."""

from __future__ import annotations

from typing import Any

from allauth.account.signals import user_logged_in as logged_in_by_page
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

from accessctl import sessions
from console.audit import record


@receiver(user_logged_in)
def begin_session(request: HttpRequest, **kwargs: Any) -> None:
    sessions.begin(request, now=timezone.now())


@receiver(logged_in_by_page)
def audit_login(request: HttpRequest, user: AbstractBaseUser, **kwargs: Any) -> None:
    record(
        "sessions:begin",
        target_kind="person",
        target=user.get_username(),
        acting_user=user,
        after={"address": request.META.get("REMOTE_ADDR", "")},
    )
