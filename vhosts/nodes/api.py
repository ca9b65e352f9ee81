"""Nodes in the API, read from Postgres only, and their history."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import django_filters
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accessctl.rights import Permission
from console.errors import InvalidField
from console.faces.rest.filters import BrokerFilter, TextFilter, parse_time
from console.faces.rest.views import ApiView
from vhosts.models import Node
from vhosts.nodes.listing import STATES, with_state
from vhosts.nodes.outlook import outlooks
from vhosts.nodes.series import COLUMNS, node_series

_DEFAULT_RANGE = timedelta(hours=1)


class NodeRead(serializers.Serializer[Any]):
    """A node as the last poll saw it, at `seen_at`. Null means unknown: a node that is down reports no figures."""

    id = serializers.IntegerField()
    broker = serializers.IntegerField(source="broker_id", help_text="The broker's ID.")
    broker_name = serializers.CharField(source="broker.name")
    name = serializers.CharField()
    state = serializers.ChoiceField(choices=list(STATES), help_text="The worst that applies.")
    running = serializers.BooleanField()
    running_since = serializers.DateTimeField(help_text="When `running` last changed.")
    seen_at = serializers.DateTimeField()
    stale = serializers.SerializerMethodField(help_text="Whether the figures are out of date.")
    type = serializers.CharField()
    version = serializers.CharField(help_text="Of RabbitMQ; empty if unknown.")
    being_drained = serializers.BooleanField(allow_null=True, help_text="In maintenance mode.")
    mem_used = serializers.IntegerField(allow_null=True, help_text="Bytes.")
    mem_limit = serializers.IntegerField(allow_null=True, help_text="The watermark, in bytes.")
    mem_alarm = serializers.BooleanField(allow_null=True)
    disk_free = serializers.IntegerField(allow_null=True, help_text="Bytes.")
    disk_free_limit = serializers.IntegerField(allow_null=True, help_text="Bytes.")
    disk_free_alarm = serializers.BooleanField(allow_null=True)
    fd_used = serializers.IntegerField(allow_null=True)
    fd_total = serializers.IntegerField(allow_null=True)
    sockets_used = serializers.IntegerField(allow_null=True)
    sockets_total = serializers.IntegerField(allow_null=True)
    proc_used = serializers.IntegerField(allow_null=True, help_text="Erlang processes.")
    proc_total = serializers.IntegerField(allow_null=True)
    run_queue = serializers.IntegerField(allow_null=True)
    uptime_ms = serializers.IntegerField(allow_null=True)
    partitions = serializers.ListField(
        child=serializers.CharField(),
        help_text="Nodes that this one doesn't see although they run.",
    )
    plugins = serializers.ListField(child=serializers.CharField(), allow_null=True)
    details = serializers.DictField(
        help_text="`figures` (rates per second, times in milliseconds), `facts`, `config_files`, `log_files`, `links` "
        "to other nodes (bytes per second)."
    )
    certificates = serializers.ListField(
        child=serializers.DictField(),
        help_text="Of its TLS listeners: `expires_at`, `subject`, `issuer`, `names`; or `why` one couldn't be read.",
    )
    certificates_at = serializers.DateTimeField(allow_null=True)

    class Meta:
        ref_name = "Node"

    def get_stale(self, node: Node) -> bool:
        return node.is_stale(self.context["now"])


class OutlookRead(serializers.Serializer[Any]):
    label = serializers.CharField()  # type: ignore[assignment]
    outcome = serializers.CharField(
        source="found.outcome", help_text="reached, expected, away, distant, unclear or unknown."
    )
    at = serializers.DateTimeField(source="found.at", allow_null=True)
    per_hour = serializers.FloatField(source="found.per_hour", allow_null=True)
    confidence = serializers.CharField(source="found.confidence", allow_null=True)
    sentence = serializers.CharField()

    class Meta:
        ref_name = "Outlook"


class NodeHistoryRead(serializers.Serializer[Any]):
    """By column: `at` in Unix seconds; null is a gap. Rates are per second."""

    at = serializers.ListField(child=serializers.IntegerField())

    class Meta:
        ref_name = "NodeHistory"

    def get_fields(self) -> dict[str, Any]:
        numbers = {
            name: serializers.ListField(child=serializers.FloatField(allow_null=True))
            for name in COLUMNS
        }
        return {**super().get_fields(), **numbers}


class NodeFilters(django_filters.FilterSet):
    broker = BrokerFilter()
    name = TextFilter(help_text="The exact name.")
    state = django_filters.ChoiceFilter(choices=list(STATES.items()))
    search = TextFilter(field_name="name", lookup_expr="icontains", help_text="Part of the name.")

    class Meta:
        model = Node
        fields: list[str] = []


class NodesView(ListModelMixin, RetrieveModelMixin, ApiView):
    """Nodes of all brokers, as polls saw them."""

    serializer_class = NodeRead
    filterset_class = NodeFilters
    ordering_fields = {
        name: name
        for name in (
            "id", "name", "state", "mem_used", "disk_free", "fd_used", "proc_used", "run_queue", "uptime_ms", "seen_at",
        )
    } | {"broker": "broker__name"}  # fmt: skip
    ordering = ("broker", "name")
    console_permissions = {
        "list": Permission.BROKERS_VIEW,
        "retrieve": Permission.BROKERS_VIEW,
        "history": Permission.BROKERS_VIEW,
        "forecast": Permission.BROKERS_VIEW,
    }
    query_parameters = {"history": frozenset({"from", "to"})}

    def get_queryset(self) -> QuerySet[Node]:
        rows = Node.objects.visible_to(self.request.user)
        found: QuerySet[Node] = with_state(rows).select_related("broker__status")
        return found.filter(gone_at=None) if self.action == "list" else found

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "now": timezone.now()}

    @extend_schema(
        responses=NodeHistoryRead,
        filters=False,
        parameters=[
            OpenApiParameter(
                "from",
                OpenApiTypes.DATETIME,
                description="ISO 8601, with zone. Default: an hour before `to`.",
            ),
            OpenApiParameter(
                "to", OpenApiTypes.DATETIME, description="ISO 8601, with zone. Default: now."
            ),
        ],
    )
    @action(detail=True, pagination_class=None)
    def history(self, request: Request, pk: str) -> Response:
        """Get a node's figures over time."""
        now = timezone.now()
        given = request.query_params
        try:
            end = parse_time(given["to"]) if "to" in given else now
        except ValueError as error:
            raise ValidationError({"to": [str(error)]}) from None
        try:
            start = parse_time(given["from"]) if "from" in given else end - _DEFAULT_RANGE
            return Response(node_series(self.get_object(), start=start, end=end, now=now))
        except InvalidField as error:
            raise ValidationError({error.field: [error.message]}) from None
        except ValueError as error:
            raise ValidationError({"from": [str(error)]}) from None

    @extend_schema(responses=OutlookRead(many=True), filters=False)
    @action(detail=True, pagination_class=None)
    def forecast(self, request: Request, pk: str) -> Response:
        """Get when a node reaches its limits if it continues as in the last hours."""
        found = outlooks(self.get_object(), timezone.now())
        return Response(OutlookRead(found, many=True).data)
