from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def frame(request: HttpRequest) -> dict[str, Any]:
    """What the page frame needs on every page."""
    return {"version": settings.VERSION}
