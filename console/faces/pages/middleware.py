from __future__ import annotations

from collections.abc import Callable

import structlog
from django.contrib.auth.models import AnonymousUser
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse

from console.faces.pages.outage import is_outage, unavailable

log = structlog.get_logger(__name__)

GetResponse = Callable[[HttpRequest], HttpResponse]


class NoStoreMiddleware:
    """Keeps responses for signed-in people out of caches and out of other sites' pages."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if not response.has_header("Cache-Control"):
            response["Cache-Control"] = "no-store"
        response["Cross-Origin-Resource-Policy"] = "same-origin"
        return response


#: These answer without a user, especially while Postgres is down or has no tables yet.
_WITHOUT_USER = ("/livez", "/readyz")


class DatabaseOutageMiddleware:
    """Answers 503 with Retry-After, not 500, during an outage of Postgres.

    It comes right after the middleware that sets the request's user: the user is read here, so that
    no later middleware hits the outage where it can't be answered.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        try:
            _ = request.user.is_authenticated
        except (DatabaseError, InterfaceError) as error:
            if not is_outage(error):
                raise
            request.user = AnonymousUser()
            if request.path not in _WITHOUT_USER:
                return self._unavailable(request, error)
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return self._unavailable(request, exception) if is_outage(exception) else None

    def _unavailable(self, request: HttpRequest, error: Exception) -> HttpResponse:
        log.warning("database_outage", path=request.path, error=type(error).__name__)
        return unavailable(request)
