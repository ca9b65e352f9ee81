"""Dashboards in the API."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

import django_filters
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from accessctl.authorize import require
from accessctl.rights import Permission
from console.faces.rest.drawn.changing import ETAG, expected_generation
from console.faces.rest.fields import Flag, Number, StrictSerializer, Text
from console.faces.rest.filters import TextFilter
from console.faces.rest.parsers import StrictJSONParser
from console.faces.rest.schema import also_answers
from console.faces.rest.views import ApiView
from console.models import Environment
from vhosts.dashboards import service
from vhosts.dashboards.charts import KINDS, MAX_CHARTS, MAX_TITLE, read_charts
from vhosts.dashboards.model import MAX_NAME, Dashboard


class ChartField(StrictSerializer):
    kind = serializers.ChoiceField(choices=[(key, label) for key, (label, *_) in KINDS.items()])
    title = Text(required=False, allow_blank=True, max_length=MAX_TITLE)
    broker = Number(
        required=False, allow_null=True, min_value=1, help_text="A broker's ID; null for all."
    )
    environment = serializers.ChoiceField(
        choices=Environment.choices, required=False, allow_blank=True
    )
    vhost = Text(required=False, max_length=255, help_text="A name, or a pattern with `*`.")
    queue = Text(
        required=False, allow_blank=True, max_length=255,
        help_text="A part of the name, or a pattern of the whole name with `*`; empty for all.",
    )  # fmt: skip

    class Meta:
        ref_name = "DashboardChart"


class DashboardRead(serializers.ModelSerializer[Dashboard]):
    id = serializers.UUIDField()
    owner = serializers.CharField(source="owner_name", help_text="Who created it.")
    listed = serializers.BooleanField(help_text="Whether everybody finds it in the list.")
    charts = ChartField(many=True)

    class Meta:
        model = Dashboard
        ref_name = "Dashboard"
        fields = (
            "id", "name", "owner", "listed", "charts", "generation", "created_at", "updated_at",
        )  # fmt: skip


class DashboardNew(StrictSerializer):
    name = Text(max_length=MAX_NAME)
    listed = Flag(required=False)
    charts = serializers.ListField(child=ChartField(), max_length=MAX_CHARTS)

    class Meta:
        ref_name = "DashboardNew"


class DashboardChange(StrictSerializer):
    name = Text(required=False, max_length=MAX_NAME)
    listed = Flag(required=False)
    charts = serializers.ListField(child=ChartField(), required=False, max_length=MAX_CHARTS)

    class Meta:
        ref_name = "DashboardChange"


class DashboardFilters(django_filters.FilterSet):
    name = TextFilter(help_text="The exact name.")
    owner = TextFilter(field_name="owner_name", help_text="Who created it.")

    class Meta:
        model = Dashboard
        fields: list[str] = []


class DashboardsView(ListModelMixin, ApiView):
    """Your dashboards, and those that everybody finds. Others are read by their ID."""

    nouns = ("dashboards", "dashboard")
    serializer_class = DashboardRead
    filterset_class = DashboardFilters
    ordering_fields = {"name": "name", "updated_at": "updated_at"}
    ordering = ("name",)
    parser_classes = (StrictJSONParser,)
    lookup_value_regex = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    console_permissions = {
        "list": Permission.BROKERS_VIEW,
        "retrieve": Permission.BROKERS_VIEW,
        "create": Permission.DASHBOARDS_EDIT,
        "partial_update": Permission.DASHBOARDS_EDIT,
        "destroy": Permission.DASHBOARDS_EDIT,
    }

    def get_queryset(self) -> QuerySet[Dashboard]:
        return service.found_by(self.request.user)

    @extend_schema(responses=DashboardRead, parameters=[ETAG], filters=False)
    def retrieve(self, request: Request, pk: str) -> Response:
        """Get a dashboard. The ID is enough, whoever owns it."""
        return _answer(service.access_dashboard(UUID(pk)))

    @extend_schema(request=DashboardNew, responses={201: OpenApiResponse(DashboardRead)})
    def create(self, request: Request) -> Response:
        """Create a dashboard of your own."""
        sent = DashboardNew(data=self.body())
        sent.is_valid(raise_exception=True)
        given: dict[str, Any] = sent.validated_data
        made = service.create_dashboard(
            cast(User, request.user), given["name"], read_charts(given["charts"]),
            listed=given.get("listed", False), now=timezone.now(),
        )  # fmt: skip
        answer = _answer(made, status=201)
        answer["Location"] = reverse("api-dashboards-detail", args=[made.pk], request=request)
        return answer

    @extend_schema(request=DashboardChange, responses=DashboardRead, filters=False)
    @also_answers("412")
    def partial_update(self, request: Request, pk: str) -> Response:
        """Edit a dashboard. `charts` replaces all of its charts."""
        found = service.access_dashboard(UUID(pk))
        service.require_edit(request.user, found)
        sent = DashboardChange(data=self.body())
        sent.is_valid(raise_exception=True)
        given: dict[str, Any] = sent.validated_data
        edited = service.edit_dashboard(
            cast(User, request.user), found.pk, given.get("name", found.name),
            read_charts(given.get("charts", found.charts)),
            listed=given.get("listed", found.listed),
            expected_generation=expected_generation(request), now=timezone.now(),
        )  # fmt: skip
        return _answer(edited)

    @extend_schema(responses={204: None}, filters=False)
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a dashboard."""
        require(request.user, Permission.DASHBOARDS_EDIT)
        service.delete_dashboard(cast(User, request.user), UUID(pk))
        return Response(status=204)


def _answer(dashboard: Dashboard, status: int = 200) -> Response:
    data = DashboardRead(dashboard).data
    return Response(data, status=status, headers={"ETag": f'"{dashboard.generation}"'})
