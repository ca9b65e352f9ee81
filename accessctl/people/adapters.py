"""Adapters that allauth calls: passwords, second factor, single sign-on."""

from __future__ import annotations

from typing import Any, ClassVar

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import authenticate
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from accessctl.people.service import follow_claimed_groups
from accessctl.sessions.devices import remember_device
from accessctl.sessions.guessing import begin_attempt
from accessctl.sessions.service import end_sessions_of
from accessctl.sessions.store import ref_of
from console.audit import record
from console.client_address import client_network
from console.rabbitmq.endpoint import Secret
from console.secrets import decrypt, encrypt

_TOO_MANY = (
    "Too many failed attempts. Wait five minutes and try again, or sign in from a browser that has "
    "signed in to this account before."
)


class ClosedAccountAdapter(DefaultAccountAdapter):
    """Sign-up is closed: an administrator creates the accounts."""

    error_messages: ClassVar[dict[str, Any]] = {
        **DefaultAccountAdapter.error_messages,
        "too_many_login_attempts": _TOO_MANY,
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return the address by which failed sign-ins are limited. Without an address, as behind a
        Unix socket without a trusted proxy, all clients share one count."""
        return client_network(request)

    def authenticate(self, request: HttpRequest, **credentials: Any) -> AbstractBaseUser | None:
        """Like allauth's, with limits that lock no owner out (accessctl.sessions.guessing)."""
        attempt = begin_attempt(request, credentials["username"], kind="password")
        if attempt is None:
            raise self.validation_error("too_many_login_attempts")
        user = authenticate(request, **credentials)
        if user is None:
            self.authentication_failed(request, **credentials)
        else:
            attempt.succeeded()
        return user

    def post_login(self, request: HttpRequest, user: Any, **kwargs: Any) -> HttpResponse:
        response: HttpResponse = super().post_login(request, user, **kwargs)
        remember_device(request, response, user)
        return response

    def set_password(self, user: Any, password: str) -> None:
        """Set the password and end the person's other sessions, because somebody else may use one
        of them."""
        super().set_password(user, password)
        session = getattr(context.request, "session", None)
        end_sessions_of(user, acting_user=user, keep=ref_of(session) if session else None)

    def respond_user_inactive(self, request: HttpRequest, user: Any) -> HttpResponse:
        messages.error(request, "This account is disabled.")
        return redirect("account_login")


class SealedMfaAdapter(DefaultMFAAdapter):
    """Store secrets of authenticators as ciphertext."""

    error_messages: ClassVar[dict[str, Any]] = {
        **DefaultMFAAdapter.error_messages,
        "too_many_login_attempts": _TOO_MANY,
        "rate_limited": _TOO_MANY,
        "incorrect_code": "This code is wrong, has expired or was already used. Wait for the next code.",
    }

    def encrypt(self, text: str) -> str:
        return encrypt(Secret(text))

    def decrypt(self, encrypted_text: str) -> str:
        return decrypt(encrypted_text).reveal()

    def can_delete_authenticator(self, authenticator: Any) -> bool:
        return not (settings.REQUIRE_MFA and authenticator.user.is_superuser)


class SingleSignOnAdapter(DefaultSocialAccountAdapter):
    """An account from single sign-on is new, and has no rights until it or one of its groups gets
    a grant. It is never linked to an existing account by name or email address."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        return True

    def is_auto_signup_allowed(self, request: HttpRequest, sociallogin: Any) -> bool:
        return True

    def populate_user(self, request: HttpRequest, sociallogin: Any, data: dict[str, Any]) -> Any:
        sociallogin.email_addresses = []
        return super().populate_user(request, sociallogin, {**data, "email": ""})

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        if request.user.is_authenticated:
            # Otherwise, whoever sits at an unattended browser could take over the account.
            messages.error(request, "Sign out first. Accounts can't be linked.")
            raise ImmediateHttpResponse(redirect("access"))
        if sociallogin.is_existing:
            _follow(sociallogin.user, sociallogin)

    def save_user(self, request: HttpRequest, sociallogin: Any, form: Any = None) -> Any:
        user = super().save_user(request, sociallogin, form)
        record(
            "people:create",
            target_kind="person",
            target=user.get_username(),
            acting_user=None,
            after={"by": "single sign-on"},
        )
        _follow(user, sociallogin)
        return user


def _follow(person: User, sociallogin: Any) -> None:
    if not settings.OIDC_GROUPS_CLAIM:
        return
    known = sociallogin.account.extra_data
    claims = {**(known.get("id_token") or {}), **(known.get("userinfo") or {})}
    claimed = claims.get(settings.OIDC_GROUPS_CLAIM)
    names = claimed if isinstance(claimed, list) else []
    follow_claimed_groups(person, {name for name in names if isinstance(name, str)})
