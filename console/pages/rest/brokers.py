from __future__ import annotations

import re
from typing import Any

import django_filters
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle

from accessctl.authorize import access_broker
from accessctl.rights import Permission
from console.brokers.probing import probe_broker, probe_settings
from console.brokers.registry import add_broker, edit_broker, forget_broker
from console.errors import Stale
from console.faces.rest.filters import FlagFilter, TextFilter
from console.faces.rest.schema import also_answers
from console.faces.rest.throttles import PerUserProbes
from console.faces.rest.views import ApiView
from console.models import Broker, Environment
from console.pages.rest.broker_fields import BrokerRead, BrokerWrite, ProbeRead

_ETAG = OpenApiParameter(
    "ETag", OpenApiTypes.STR, OpenApiParameter.HEADER, response=True, description="The generation."
)
_IF_MATCH = OpenApiParameter(
    "If-Match",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="The broker's ETag from your last read. 412 if the broker was changed since.",
)
_ENTITY_TAG = re.compile(r'(W/)?"([!#-~]*)"')


class BrokerFilters(django_filters.FilterSet):
    name = TextFilter(help_text="The exact name.")
    environment = django_filters.ChoiceFilter(choices=Environment.choices)
    enabled = FlagFilter()
    search = TextFilter(field_name="name", lookup_expr="icontains", help_text="Part of the name.")

    class Meta:
        model = Broker
        fields: list[str] = []


class BrokersView(ListModelMixin, RetrieveModelMixin, ApiView):
    """RabbitMQ brokers in the console."""

    serializer_class = BrokerRead
    filterset_class = BrokerFilters
    ordering_fields = {
        "id": "id",
        "name": "name",
        "environment": "environment",
        "ready": "status__messages_ready",
        "unacked": "status__messages_unacked",
        "queues": "status__queues",
    }
    ordering = ("name",)
    console_permissions = {
        "list": Permission.BROKERS_VIEW,
        "retrieve": Permission.BROKERS_VIEW,
        "create": Permission.BROKERS_ADD,
        "update": Permission.BROKERS_EDIT,
        "partial_update": Permission.BROKERS_EDIT,
        "destroy": Permission.BROKERS_FORGET,
        "test": Permission.BROKERS_TEST,
        # It can reach any host that the console can reach, as adding a broker can.
        "test_unsaved": Permission.BROKERS_ADD,
    }

    def get_queryset(self) -> QuerySet[Broker]:
        return Broker.objects.visible_to(self.request.user).select_related("status")

    def get_throttles(self) -> list[BaseThrottle]:
        probes = [PerUserProbes()] if self.action in ("test", "test_unsaved") else []
        return [*super().get_throttles(), *probes]

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "now": timezone.now()}

    @extend_schema(parameters=[_ETAG])
    def retrieve(self, request: Request, pk: str) -> Response:
        """Get a broker."""
        return self._shown(int(pk), Permission.BROKERS_VIEW)

    @extend_schema(request=BrokerWrite, responses={201: BrokerRead}, parameters=[_ETAG])
    def create(self, request: Request) -> Response:
        """Add a broker. Polling starts at once."""
        sent = self._sent()
        broker = add_broker(
            sent.settings(),
            now=timezone.now(),
            acting_user=request.user,
            allow_duplicate=sent.validated_data["allow_duplicate"],
        )
        answer = self._shown(broker.pk, Permission.BROKERS_ADD)
        answer.status_code = 201
        answer["Location"] = self.reverse_action("detail", args=[broker.pk])
        return answer

    @extend_schema(request=BrokerWrite, responses=BrokerRead, parameters=[_IF_MATCH, _ETAG])
    @also_answers("412")
    def update(self, request: Request, pk: str) -> Response:
        """Replace a broker's settings. Fields you leave out get their defaults, except the password."""
        return self._edit(int(pk), partial=False)

    @extend_schema(request=BrokerWrite, responses=BrokerRead, parameters=[_IF_MATCH, _ETAG])
    @also_answers("412")
    def partial_update(self, request: Request, pk: str) -> Response:
        """Edit a broker. Fields you leave out keep their values."""
        return self._edit(int(pk), partial=True)

    @extend_schema(parameters=[_IF_MATCH])
    @also_answers("412")
    def destroy(self, request: Request, pk: str) -> Response:
        """Remove a broker and its history from the console. The broker itself isn't changed. Its unfinished
        changes end as `stopped`, with a `note`; what was sent already isn't undone."""
        with transaction.atomic():
            broker = access_broker(request.user, int(pk), Permission.BROKERS_FORGET, lock=True)
            _check_if_match(request, broker)
            forget_broker(broker, now=timezone.now(), acting_user=request.user)
        return Response(status=204)

    @extend_schema(
        operation_id="brokers_test", request=None, responses={200: OpenApiResponse(ProbeRead)}
    )
    @also_answers("409")
    @action(methods=["post"], detail=True, url_path="test")
    def test(self, request: Request, pk: str) -> Response:
        """Test the connection with the stored settings. Returns each step; takes at most 15 seconds."""
        if self.body(optional=True):
            raise ValidationError({"body": ["Leave out the body. This tests the stored settings."]})
        broker = access_broker(request.user, int(pk), Permission.BROKERS_TEST)
        return Response(ProbeRead({"steps": probe_broker(broker, request.user)}).data)

    @extend_schema(
        operation_id="brokers_test_unsaved",
        request=BrokerWrite,
        responses={200: OpenApiResponse(ProbeRead)},
    )
    @action(methods=["post"], detail=False, url_path="test")
    def test_unsaved(self, request: Request) -> Response:
        """Test the connection with the settings in the body. Nothing is stored."""
        return Response(
            ProbeRead({"steps": probe_settings(self._sent().settings(), request.user)}).data
        )

    def _edit(self, pk: int, *, partial: bool) -> Response:
        broker = access_broker(self.request.user, pk, Permission.BROKERS_EDIT)
        expected = _check_if_match(self.request, broker)
        edit_broker(
            broker,
            self._sent(partial=partial).settings(broker),
            now=timezone.now(),
            acting_user=self.request.user,
            # PATCH builds on what was just read, so it would undo an edit made in between.
            expected_generation=expected or (broker.generation if partial else None),
        )
        return self._shown(pk, Permission.BROKERS_EDIT)

    def _sent(self, *, partial: bool = False) -> BrokerWrite:
        sent = BrokerWrite(data=self.body(), partial=partial)
        sent.is_valid(raise_exception=True)
        return sent

    def _shown(self, pk: int, permission: Permission) -> Response:
        broker = access_broker(self.request.user, pk, permission)
        answer = Response(self.get_serializer(broker).data)
        answer["ETag"] = f'"{broker.generation}"'
        return answer


def _check_if_match(request: Request, broker: Broker) -> int | None:
    """Return the generation in If-Match; None without one. Raises Stale, ValidationError."""
    header = request.META.get("HTTP_IF_MATCH", "").strip()
    if header in ("", "*"):
        return None
    tags = [_ENTITY_TAG.fullmatch(tag.strip()) for tag in header.split(",")]
    if None in tags:
        raise ValidationError({"If-Match": ['Send the ETag in quotes, such as "3".']})
    # Weak tags too: a proxy that compresses an answer weakens its ETag, which still names a
    # generation.
    if not any(tag and tag[2] == str(broker.generation) for tag in tags):
        raise Stale(
            f"Someone else changed this broker; it is now at generation {broker.generation}. "
            "Reload it, then try again.",
            {"generation": broker.generation},
        )
    return broker.generation
