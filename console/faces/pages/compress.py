"""Compresses pages and API answers: the list of queues shrinks to a tenth of its size."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware


class CompressMiddleware(GZipMiddleware):
    """Django's middleware, which adds random padding against BREACH, with two exceptions:

    - responses that their view marks as not cacheable (`private`) are never compressed: forms,
      previews and pages that show a secret once;
    - streams are left alone: a list as CSV is sent row by row.
    """

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        secret = getattr(request, "shows_secret", False)
        if response.streaming or secret or "private" in response.get("Cache-Control", ""):
            return response
        assert isinstance(response, HttpResponse)  # noqa: S101 – what does not stream is one
        return super().process_response(request, response)
