"""Absolute URLs that the console gives out.

They start with CONSOLE_URL, whatever host and scheme a request has: a request can come through a
tunnel, an internal name or a proxy that doesn't report https.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings


def absolute(path: str) -> str:
    """Return the URL of a path of the console. The path starts with a slash and can have a query."""
    return f"{settings.CONSOLE_URL}{path}"


def on_console_url(url: str) -> str:
    """Return the same page under CONSOLE_URL, for a URL that a library built from the request."""
    parts = urlsplit(url)
    return absolute(parts._replace(scheme="", netloc="").geturl())
