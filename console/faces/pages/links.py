"""Absolute URLs that the console gives out. They are CONSOLE_URL's, whatever host and scheme a request
names: a request can come by a tunnel, an internal name or a proxy that doesn't say https."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings


def absolute(path: str) -> str:
    """The URL of a path of the console, which begins with a slash and may have a query."""
    return f"{settings.CONSOLE_URL}{path}"


def on_console_url(url: str) -> str:
    """The same page under CONSOLE_URL, for a URL that a library built from the request."""
    parts = urlsplit(url)
    return absolute(parts._replace(scheme="", netloc="").geturl())
