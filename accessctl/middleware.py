from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accessctl import sessions


class SessionMiddleware:
    """Ends sessions that were idle or lasted too long, and notes that the others are used. Stands
    before LoginRequiredMiddleware, which then sends the person to the log-in."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: Any) -> None:
        if not request.user.is_authenticated:
            return
        now = timezone.now()
        if sessions.is_over(request.session, now=now):
            logout(request)
        else:
            sessions.note_use(request, now=now)
