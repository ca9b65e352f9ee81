"""How often one user, or one address, may ask.

Counted in each web process for itself: a limit against run-away scripts, not a security measure,
and no write to Postgres for each request.
"""

from __future__ import annotations

from typing import Any

from django.core.cache import caches
from rest_framework.request import Request
from rest_framework.throttling import AnonRateThrottle, UserRateThrottle

from console.client_address import client_address


class PerUser(UserRateThrottle):
    @property
    def cache(self) -> Any:  # type: ignore[override]
        return caches["throttle"]

    def get_cache_key(self, request: Request, view: Any) -> str | None:
        return super().get_cache_key(request, view) if request.user.is_authenticated else None


class PerAddress(AnonRateThrottle):
    @property
    def cache(self) -> Any:  # type: ignore[override]
        return caches["throttle"]

    def get_ident(self, request: Request) -> str:
        # Not as the framework does it, by X-Forwarded-For, which anybody can write.
        return client_address(request)


class PerUserProbes(PerUser):
    """Acts that make the console connect to an address."""

    scope = "probes"
