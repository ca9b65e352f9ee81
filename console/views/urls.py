from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from console.views import scope

urlpatterns: list[URLPattern | URLResolver] = [
    path("scope/", scope.scope_menu, name="scope"),
]
