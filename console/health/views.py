"""/livez, /readyz and /metrics for orchestrators and monitoring. They also work without Postgres."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from itertools import chain, islice
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    JsonResponse,
    StreamingHttpResponse,
)
from django.urls import URLPattern, URLResolver, path
from django.utils import timezone
from prometheus_client import CollectorRegistry, generate_latest
from rest_framework.exceptions import APIException
from rest_framework.request import Request

from accessctl.rest.authentication import ApiTokenAuthentication
from console.faces.pages.outage import is_outage
from console.health.checks import JOBS, failing_jobs, run_checks
from console.health.fleet_metrics import FleetCollector
from console.health.job_metrics import JobsCollector
from console.health.queue_metrics import queue_lines

_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
#: Lines of queues sent at once.
_LINES = 500


class AnyHostMiddleware:
    """Answer health and metrics requests for any Host header.

    A kubelet and Prometheus use the pod's address, which no setting can list. The answers contain
    no links, and access is checked as usual.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info in ("/livez", "/readyz", "/metrics"):
            request.META["HTTP_HOST"] = urlsplit(settings.CONSOLE_URL).netloc
        return self.get_response(request)


@login_not_required
def livez(request: HttpRequest) -> HttpResponse:
    """Answer 200 while the process works. Checks no dependency: a restart would not repair one."""
    return HttpResponse("ok\n", content_type="text/plain; charset=utf-8")


@login_not_required
def readyz(request: HttpRequest) -> HttpResponse:
    """Answer 200 if everything that the console needs works, else 503, with all checks.

    A failing background job doesn't cause a 503, because the console serves people without it. It
    is listed in `degraded`.
    """
    now = timezone.now()
    checks = run_checks(now)
    ok = all(check.ok for name, check in checks.items() if name != JOBS)
    return JsonResponse(
        {
            "ok": ok,
            "degraded": failing_jobs(now) if checks["database"].ok else [],
            "checks": {name: asdict(check) for name, check in checks.items()},
        },
        status=200 if ok else 503,
    )


@login_not_required
def metrics(request: HttpRequest) -> HttpResponseBase:
    """Return the metrics for Prometheus.

    They contain names of brokers, so a superuser's API token (or session) is required, unless
    CONSOLE_METRICS_OPEN leaves access control to the network.
    """
    try:
        if not settings.METRICS_OPEN and not _is_superuser(request):
            refusal = _plain("A superuser's API token is needed.\n", 401)
            refusal["WWW-Authenticate"] = "Bearer"
            return refusal
        figures = _figures()
        queues = queue_lines(timezone.now()) if settings.METRICS_QUEUES else None
    except DatabaseError as error:
        if not is_outage(error):
            raise
        return _plain("The figures are unknown. See /readyz for the reason.\n", 503)
    if queues is None:
        return HttpResponse(figures, content_type=_PROMETHEUS)
    # Joined in pieces: a line for each chunk would cost more than the query.
    return StreamingHttpResponse(chain([figures], _pieces(queues)), content_type=_PROMETHEUS)


def _pieces(lines: Iterable[str]) -> Iterator[bytes]:
    while piece := "".join(islice(lines := iter(lines), _LINES)):
        yield piece.encode()


def _figures() -> bytes:
    registry = CollectorRegistry(auto_describe=False)
    now = timezone.now()
    registry.register(FleetCollector(now))
    registry.register(JobsCollector(now))
    return generate_latest(registry)


def _plain(text: str, status: int) -> HttpResponse:
    return HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")


def _is_superuser(request: HttpRequest) -> bool:
    user: Any = request.user
    if "Authorization" in request.headers:
        try:
            found = ApiTokenAuthentication().authenticate(Request(request))
        except APIException:
            return False
        user = found[0] if found else None
    return bool(user is not None and user.is_active and user.is_superuser)


urlpatterns: list[URLPattern | URLResolver] = [
    path("livez", livez, name="livez"),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
]
