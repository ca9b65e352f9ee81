"""Where a request comes from: for the log, the audit trail and every limit by address.

`X-Forwarded-For` is a header that anybody can write. It counts only where CONSOLE_TRUST_PROXY says
that a proxy stands in front, and then only its last entry, which is the proxy's own.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import structlog
from django.conf import settings
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django_structlog.signals import bind_extra_request_metadata

#: What the client of the present request calls itself: at most 400 printable characters, or "".
user_agent: ContextVar[str] = ContextVar("user_agent", default="")


class ClientAddressMiddleware:
    """Puts the client's address into REMOTE_ADDR, so that all later code has one place to look, and
    what it calls itself into `user_agent`, for the audit trail."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip()
        if settings.TRUST_PROXY and _plain(forwarded):
            request.META["REMOTE_ADDR"] = forwarded
        told = request.META.get("HTTP_USER_AGENT", "")[:400]
        token = user_agent.set("".join(c if c.isprintable() else "?" for c in told))
        try:
            return self.get_response(request)
        finally:
            user_agent.reset(token)


def client_address(request: HttpRequest) -> str:
    """The IP address of whoever sent the request, "" where there is none, as on a Unix socket. The one
    way to it: for the log, the audit trail, sessions, tokens' networks and every limit by address."""
    return _plain(str(request.META.get("REMOTE_ADDR", "")))


@receiver(bind_extra_request_metadata)
def bind_address(request: HttpRequest, **kwargs: Any) -> None:
    if address := client_address(request):
        structlog.contextvars.bind_contextvars(ip=address)


def _plain(text: str) -> str:
    """The address as Postgres and people write it; "" for what is none."""
    try:
        found = ipaddress.ip_address(
            text.partition("%")[0]
        )  # without the scope of a link's address
    except ValueError:
        return ""
    # An IPv4 client of a listener for both arrives as ::ffff:10.0.0.1.
    return str(getattr(found, "ipv4_mapped", None) or found)
