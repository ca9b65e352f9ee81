from __future__ import annotations

from collections.abc import Callable

import structlog
from django.http import HttpRequest, HttpResponse

from console.outage import is_outage, unavailable

log = structlog.get_logger(__name__)

GetResponse = Callable[[HttpRequest], HttpResponse]


class NoStoreMiddleware:
    """What a logged-in person sees is in no cache, and no other site may embed or read it."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if not response.has_header("Cache-Control"):
            response["Cache-Control"] = "no-store"
        response["Cross-Origin-Resource-Policy"] = "same-origin"
        return response


class DatabaseOutageMiddleware:
    """A view that meets an outage of Postgres answers 503 with Retry-After instead of failing."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not is_outage(exception):
            return None
        log.warning("database_outage", path=request.path, error=type(exception).__name__)
        return unavailable(request)
