"""Pages for requests that the console refuses: one sentence, the right status, and a way back."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render, resolve_url
from django_htmx.http import HttpResponseClientRefresh

from console.errors import BrokerNotChosen, ConsoleError, NotAllowed, NothingGranted

_TITLES = {
    400: "Invalid request",
    403: "Not allowed",
    409: "Broker unavailable",
    412: "Changed since you opened it",
}


class RefusalMiddleware:
    """Shows a ConsoleError that a page's view raised. The API has its own bodies for them.

    If a fragment is requested after the session has ended, its page reloads, which leads to the
    sign-in page. Otherwise the sign-in form would show inside the page.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        is_fragment = request.headers.get("HX-Request") == "true"
        if is_fragment and response.status_code == 302 and _leads_to_login(response):
            return HttpResponseClientRefresh()
        return response

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not isinstance(error, ConsoleError) or request.path.startswith("/api/"):
            return None
        if isinstance(error, BrokerNotChosen):
            return _choose_broker(request, error)
        status = error.http_status
        title = _TITLES.get(status, "Request failed")
        if isinstance(error, NothingGranted):
            title = "No roles yet"
        # People who can't see a page still get the navigation.
        inside = isinstance(error, NotAllowed) and request.headers.get("HX-Request") != "true"
        return render(
            request,
            "refused_inside.html" if inside else "refused.html",
            {
                "title": title,
                "message": error.message,
                "nothing_granted": isinstance(error, NothingGranted),
            },
            status=status,
        )


def _choose_broker(request: HttpRequest, error: BrokerNotChosen) -> HttpResponse:
    """Ask for the broker. None is preselected: the first by name is easily the wrong one."""
    is_post = request.method == "POST"
    context = {"brokers": error.brokers, "is_post": is_post}
    return render(request, "choose_broker.html", context, status=400 if is_post else 200)


def _leads_to_login(response: HttpResponse) -> bool:
    return urlsplit(response["Location"]).path == resolve_url(settings.LOGIN_URL)
