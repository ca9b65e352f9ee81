"""The routes of /api/v1/. Addresses end with a slash; objects are addressed by ID, because
RabbitMQ's names can contain slashes."""

from __future__ import annotations

from typing import Any

from django.urls import URLPattern, URLResolver, path
from rest_framework.permissions import IsAuthenticated
from rest_framework.routers import APIRootView, DefaultRouter

from accessctl.rest.routes import routes as access_routes
from console.pages.rest.audit import AuditView
from console.pages.rest.brokers import BrokersView
from console.pages.rest.changes import ChangesView
from console.pages.rest.documentation import SchemaView, docs
from console.pages.rest.drift import DriftView
from console.pages.rest.plans import PlansView
from console.pages.rest.search import SearchView
from vhosts.rest.routes import routes as vhost_routes


class Index(APIRootView):
    """List the API's collections and their addresses."""

    permission_classes = (IsAuthenticated,)
    schema = None


class _Router(DefaultRouter):
    APIRootView = Index
    include_format_suffixes = False
    root_view_name = "api-index"


_router = _Router()
views: Any = (*vhost_routes, *access_routes)
_router.register("brokers", BrokersView, "api-brokers")
_router.register("audit", AuditView, "api-audit")
_router.register("changes", ChangesView, "api-changes")
_router.register("drift", DriftView, "api-drift")
_router.register("plans", PlansView, "api-plans")
_router.register("search", SearchView, "api-search")
for prefix, view, name in views:
    _router.register(prefix, view, name)

urlpatterns: list[URLPattern | URLResolver] = [
    *_router.urls,
    path("schema/", SchemaView.as_view(), name="api-schema"),
    path("docs/", docs, name="api-docs"),
]
