from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from console.faces.rest.problems import problem

_KEPT = ("Allow", "Retry-After", "WWW-Authenticate")


class ApiProblemMiddleware:
    """Answers in JSON, never HTML, under /api: errors that no API view answered (a wrong Host
    header, a failing middleware) get the same JSON as all others."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code < 400 or not request.path_info.startswith("/api/"):
            return response
        if response.get("Content-Type", "").startswith("application/json"):
            return response
        answer = problem(request, response.status_code)
        for name in _KEPT:
            if response.has_header(name):
                answer[name] = response[name]
        return answer
