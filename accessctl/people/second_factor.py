"""Codes of the second factor, each valid once: at setup, at sign-in and for re-authentication. The
forms are allauth's (MFA_FORMS) with the console's limits and its record of used codes."""

from __future__ import annotations

from typing import Any

from allauth.core import context
from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.internal.flows.add import validate_can_add_authenticator
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.totp.internal import auth as totp
from allauth.mfa.utils import decrypt
from django import forms
from django.contrib.auth.models import User
from django.db import transaction

from accessctl.sessions.guessing import begin_attempt

#: In an authenticator's data: the time step of the last accepted code. RFC 6238, section 5.2: a
#: code is accepted only once, and after it no code of an earlier step.
_LAST_STEP = "last_step"


def step_of(secret: str, code: str) -> int | None:
    """Return the code's time step; None if it is none of the current codes."""
    for step in totp.yield_hotp_counters_from_time():
        value = totp.format_hotp_value(totp.hotp_value(secret, step))
        if compare_user_code(actual=code, expected=value):
            return int(step)
    return None


def use_code(user: User, code: str) -> Authenticator | None:
    """Use up a code. Return the factor it belongs to, an app or the recovery codes; None for a
    wrong or used code."""
    with transaction.atomic():
        # The lock makes a code valid once, even if it is sent several times at once.
        factors = Authenticator.objects.select_for_update().filter(user=user).order_by("-type")
        for factor in factors:
            if factor.type == Authenticator.Type.TOTP:
                step = step_of(decrypt(factor.data["secret"]), code)
                if step is not None and step > factor.data.get(_LAST_STEP, -1):
                    note_step(factor, step)
                    return factor
            elif factor.wrap().validate_code(code):
                return factor
    return None


def note_step(factor: Authenticator, step: int) -> None:
    factor.data[_LAST_STEP] = step
    factor.save(update_fields=["data"])


class _CodeForm(forms.Form):
    """The common part of the sign-in's second step and of re-authentication."""

    user: User
    authenticator: Authenticator

    def clean_code(self) -> str:
        attempt = begin_attempt(context.request, self.user.username, kind="code")
        if attempt is None:
            raise get_adapter().validation_error("too_many_login_attempts")
        code: str = self.cleaned_data["code"]
        factor = use_code(self.user, code)
        if factor is None:
            self._tell_failed()
            raise get_adapter().validation_error("incorrect_code")
        attempt.succeeded()
        factor.user, self.authenticator = self.user, factor
        return code

    def _tell_failed(self) -> None:
        factor = Authenticator.objects.filter(user=self.user).order_by("-type").first()
        if factor is not None:
            self._emit_authentication_failed(factor)  # type: ignore[attr-defined]


class SignInCodeForm(_CodeForm, AuthenticateForm):  # type: ignore[misc]
    pass


class ConfirmCodeForm(_CodeForm, ReauthenticateForm):  # type: ignore[misc]
    pass


class ActivateForm(ActivateTOTPForm):  # type: ignore[misc]
    """`step` is the code's time step, once the form is valid."""

    step: int
    keep_tokens = forms.BooleanField(
        required=False,
        label="API tokens",
        widget=forms.CheckboxInput({"class": "form-check-input"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["code"].widget.attrs |= {"class": "form-control", "inputmode": "numeric"}
        self.fields["code"].widget.attrs.pop("placeholder", None)

    def clean_code(self) -> str:
        validate_can_add_authenticator(self.user)
        attempt = begin_attempt(context.request, self.user.username, kind="code")
        if attempt is None:
            raise get_adapter().validation_error("rate_limited")
        code: str = self.cleaned_data["code"]
        step = step_of(self.secret, code)
        if step is None:
            raise get_adapter().validation_error("incorrect_code")
        attempt.succeeded()
        self.step = step
        return code
