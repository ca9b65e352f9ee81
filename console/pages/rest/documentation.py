"""The OpenAPI document, and a page to try it, served from this machine under the strict CSP."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView


@extend_schema(exclude=True)
class SchemaView(SpectacularAPIView):
    """YAML, or JSON for `Accept: application/vnd.oai.openapi+json`."""


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    return render(request, "console/api_docs.html")
