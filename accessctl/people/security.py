"""The page *Security*: a person's second factor, and the address from which the console sees the
request."""

from __future__ import annotations

from typing import Any

from allauth.mfa.base.views import IndexView
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.views import ActivateTOTPView
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accessctl.access.views import tabs
from accessctl.models import ApiToken
from accessctl.people.second_factor import note_step
from accessctl.tokens.service import revoke_tokens_of
from console.client_address import PROBE_ADDRESS, origin_of
from console.faces.person import person_of


class SecurityView(IndexView):  # type: ignore[misc]
    http_method_names = ["get", "head"]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {
            **super().get_context_data(**kwargs),
            **tabs(self.request),
            **_connection(self.request),
            "probe_header": f'{{"X-Forwarded-For": "{PROBE_ADDRESS}"}}',
        }


class ActivateTotpView(ActivateTOTPView):  # type: ignore[misc]
    """Set up an authenticator app. Tokens created while only the password protected the account
    are revoked, unless their owner keeps them."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        mine = ApiToken.objects.of(self.request.user)
        return {**super().get_context_data(**kwargs), **tabs(self.request), "tokens": mine}

    def form_valid(self, form: Any) -> HttpResponse:
        person = person_of(self.request)
        with transaction.atomic():
            answer: HttpResponse = super().form_valid(form)
            app = Authenticator.objects.get(user=person, type=Authenticator.Type.TOTP)
            # So somebody who saw the code can't sign in with it.
            note_step(app, form.step)
            revoked = 0
            if not form.cleaned_data["keep_tokens"]:
                revoked = revoke_tokens_of(person, acting_user=person)
        if revoked:
            messages.info(self.request, f"API tokens revoked: {revoked}.")
        return answer


@require_safe
def connection(request: HttpRequest) -> HttpResponse:
    """Show the connection panel. The page requests it with a made-up X-Forwarded-For. If the
    console takes that for the client's address, anybody can forge it."""
    return render(request, "accessctl/_connection.html", _connection(request))


def _connection(request: HttpRequest) -> dict[str, Any]:
    origin = origin_of(request)
    return {"origin": origin, "is_forgeable": origin.address == PROBE_ADDRESS}


index = SecurityView.as_view()
activate_totp = ActivateTotpView.as_view()
