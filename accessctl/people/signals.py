"""Handle events that Django and allauth report only as signals: sign-ins, second factors."""

from __future__ import annotations

from typing import Any

from allauth.account.signals import user_logged_in as logged_in_by_page
from allauth.mfa.signals import authenticator_added, authenticator_removed, authenticator_reset
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

from accessctl.sessions import store as sessions
from console.audit import record
from console.client_address import client_address


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
        after={"address": client_address(request)},
    )


@receiver(authenticator_added)
@receiver(authenticator_removed)
@receiver(authenticator_reset)
def audit_second_factor(
    signal: Any, user: AbstractBaseUser, authenticator: Any, **kwargs: Any
) -> None:
    verb = {id(authenticator_added): "add", id(authenticator_removed): "remove"}
    record(
        f"factors:{verb.get(id(signal), 'renew')}",
        target_kind="person",
        target=user.get_username(),
        acting_user=user,
        after={"kind": authenticator.get_type_display()},
    )
