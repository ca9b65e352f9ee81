"""Limits how often one user, or one address, can send requests, over all web processes
(console.faces.rest.request_counts)."""

from __future__ import annotations

from typing import Any

from rest_framework.request import Request
from rest_framework.throttling import AnonRateThrottle, SimpleRateThrottle, UserRateThrottle

from console.client_address import client_network
from console.faces.rest.request_counts import count_request


class _Shared(SimpleRateThrottle):
    """Counts in windows that start at multiples of their length: the same ones in all processes."""

    # The framework reads them from the rate.
    num_requests: int | None
    duration: int | None
    _wait = 0.0

    def allow_request(self, request: Request, view: Any) -> bool:
        key = self.get_cache_key(request, view)
        if key is None:
            return True
        now, seconds = self.timer(), self.duration or 60
        until = (int(now) // seconds + 1) * seconds
        self._wait = max(1.0, until - now)
        count = count_request(key, until)
        return count is None or count <= (self.num_requests or 0)

    def wait(self) -> float:
        return self._wait


class PerUser(_Shared, UserRateThrottle):
    def get_cache_key(self, request: Request, view: Any) -> str | None:
        return super().get_cache_key(request, view) if request.user.is_authenticated else None


class PerAddress(_Shared, AnonRateThrottle):
    def get_ident(self, request: Request) -> str:
        # Not X-Forwarded-For, as the framework does, because any client can write that header.
        return client_network(request)


class PerUserProbes(PerUser):
    """Limits operations that make the console connect to an address."""

    scope = "probes"
