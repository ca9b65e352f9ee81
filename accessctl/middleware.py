from __future__ import annotations

from collections.abc import Callable
from typing import Any

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.utils import timezone

from accessctl.sessions import store as sessions


class SessionMiddleware:
    """End sessions that were idle or lasted too long, and note the use of the others. It comes
    before LoginRequiredMiddleware, which then redirects to the sign-in."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponse | None:
        if not request.user.is_authenticated:
            return None
        now = timezone.now()
        if sessions.is_over(request.session, now=now):
            logout(request)
            return None
        sessions.note_use(request, now=now)
        if settings.REQUIRE_MFA and request.user.is_superuser and _lacks_second_factor(request):
            if request.path.startswith("/api/"):
                return JsonResponse(
                    {"detail": "Set up two-factor authentication first."}, status=403
                )
            return redirect("mfa_activate_totp")
        return None


#: What is needed to set one up, or to sign out.
_OPEN_WITHOUT = frozenset({
    "mfa_activate_totp", "account_logout", "account_reauthenticate", "account_change_password",
})  # fmt: skip


def _lacks_second_factor(request: HttpRequest) -> bool:
    """Return whether the account lacks a second factor. The database is queried until it has
    one."""
    match = request.resolver_match
    if request.session.get("second_factor") or (match and match.url_name in _OPEN_WITHOUT):
        return False
    has_one = Authenticator.objects.filter(
        user=request.user.pk, type=Authenticator.Type.TOTP
    ).exists()
    if has_one:
        request.session["second_factor"] = True
    return not has_one
