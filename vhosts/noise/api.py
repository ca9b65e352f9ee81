"""Noise patterns in the API."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accessctl.rights import Permission
from console.faces.rest.drawn.changing import BrokerField
from console.faces.rest.fields import StrictSerializer, Text
from console.faces.rest.filters import BrokerFilter
from console.faces.rest.views import ApiView
from vhosts.models import NoisePattern
from vhosts.noise.patterns import add_pattern, remove_pattern, seen_by


class NoiseRead(serializers.Serializer[Any]):
    """A pattern of queues that lists, history and totals leave out."""

    id = serializers.IntegerField()
    broker = serializers.IntegerField(
        source="broker_id", allow_null=True, help_text="The broker's ID. Null: all brokers."
    )
    pattern = serializers.CharField()
    reason = serializers.CharField()
    created_at = serializers.DateTimeField()
    author = serializers.CharField(source="author_name")

    class Meta:
        ref_name = "NoisePattern"


class NoiseNew(StrictSerializer):
    pattern = Text(
        max_length=255, help_text="The whole name of queues; * stands for any characters."
    )
    broker = BrokerField(required=False, help_text="A broker's ID or name. Default: all brokers.")
    reason = Text(required=False, allow_blank=True, max_length=500)

    class Meta:
        ref_name = "NoisePatternNew"


class NoiseFilters(django_filters.FilterSet):
    broker = BrokerFilter()

    class Meta:
        model = NoisePattern
        fields: list[str] = []


class NoiseView(ListModelMixin, RetrieveModelMixin, ApiView):
    """Noise patterns."""

    nouns = ("noise patterns", "noise pattern")
    serializer_class = NoiseRead
    filterset_class = NoiseFilters
    ordering_fields = {"id": "id", "pattern": "pattern"}
    ordering = ("pattern",)
    console_permissions = {
        "list": Permission.QUEUES_VIEW,
        "retrieve": Permission.QUEUES_VIEW,
        "create": Permission.BROKERS_EDIT,
        "destroy": Permission.BROKERS_EDIT,
    }

    def get_queryset(self) -> QuerySet[NoisePattern]:
        return seen_by(self.request.user)

    @extend_schema(summary="Add a noise pattern", request=NoiseNew, responses={201: NoiseRead})
    def create(self, request: Request) -> Response:
        """Add a pattern. Queues that match are left out from now on."""
        body = NoiseNew(data=self.body(), context={"request": request})
        body.is_valid(raise_exception=True)
        given = body.validated_data
        made = add_pattern(
            given["pattern"], given.get("broker"), given.get("reason", ""),
            acting_user=request.user, now=timezone.now(),
        )  # fmt: skip
        return Response(NoiseRead(made).data, status=201)

    @extend_schema(summary="Remove a noise pattern", request=None, responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Remove a pattern. Its queues are listed again."""
        remove_pattern(int(pk), acting_user=request.user, now=timezone.now())
        return Response(status=204)
