"""The person who sent a browser's request."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.http import HttpRequest


def person_of(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # noqa: S101 – LoginRequiredMiddleware has seen to it
    return request.user
