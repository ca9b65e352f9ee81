"""Compressed pages and API answers: the list of queues is a tenth of its size on the way."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware


class CompressMiddleware(GZipMiddleware):
    """Django's, which hides lengths from BREACH by random padding, and beyond that:

    - nothing that is in no cache by its view's own will (`private`) is compressed: forms, previews and
      whatever shows a secret once;
    - streams are left alone: a list as CSV goes out row by row.
    """

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        secret = getattr(request, "shows_secret", False)
        if response.streaming or secret or "private" in response.get("Cache-Control", ""):
            return response
        assert isinstance(response, HttpResponse)  # noqa: S101 – what does not stream is one
        return super().process_response(request, response)
