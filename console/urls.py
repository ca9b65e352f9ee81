"""Every route of Warren. Denied by default: LoginRequiredMiddleware guards what does not say
@login_not_required, and tests/conventions lists each route with who may use it."""

from __future__ import annotations

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("console.health")),
    path("", include("console.views.urls")),
    path("", include("vhosts.urls")),
    path("", include("accessctl.urls")),
    path("api/v1/", include("console.api.urls")),
    path("admin/", admin.site.urls),
    path("accounts/", include("allauth.account.urls")),
]
