"""The API of backups."""

from __future__ import annotations

from typing import cast

import django_filters
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accessctl.rights import Permission
from console.faces.rest.filters import BrokerFilter
from console.faces.rest.parsers import StrictJSONParser
from console.faces.rest.schema import also_answers
from console.faces.rest.views import ApiView
from console.models import Broker
from vhosts.definitions import backups
from vhosts.definitions.rest.fields import BackupRead, BackupWrite
from vhosts.definitions.rest.parameters import flag_of, flag_parameter
from vhosts.models import Backup


class BackupFilters(django_filters.FilterSet):
    broker = BrokerFilter()

    class Meta:
        model = Backup
        fields: list[str] = []


class BackupsView(ListModelMixin, RetrieveModelMixin, ApiView):
    """Backups of definitions, newest first."""

    nouns = ("backups of definitions", "backup of definitions")
    serializer_class = BackupRead
    filterset_class = BackupFilters
    ordering_fields = {"taken_at": "taken_at", "id": "id"}
    ordering = ("-taken_at", "-id")
    parser_classes = (StrictJSONParser,)
    console_permissions = {
        "list": Permission.DEFINITIONS_EXPORT,
        "retrieve": Permission.DEFINITIONS_EXPORT,
        "create": Permission.DEFINITIONS_EXPORT,
        "file": Permission.DEFINITIONS_EXPORT,
    }
    query_parameters = {"file": frozenset({"secrets"})}

    def get_queryset(self) -> QuerySet[Backup]:
        visible = Backup.objects.visible_to(self.request.user)
        return visible.select_related("broker").defer("content_encrypted")

    @extend_schema(request=BackupWrite, responses={201: OpenApiResponse(BackupRead)})
    @also_answers("409")
    def create(self, request: Request) -> Response:
        """Create a backup. If nothing has changed, the newest backup is returned."""
        sent = BackupWrite(data=self.body())
        sent.is_valid(raise_exception=True)
        visible = Broker.objects.visible_to(request.user)
        broker = visible.filter(pk=sent.validated_data["broker"]).first()
        if broker is None:
            raise ValidationError({"broker": ["Broker not found."]})
        backup = backups.take_backup(
            broker, now=timezone.now(), origin="api", acting_user=cast(User, request.user)
        )
        return Response(BackupRead(backup).data, status=201)

    @extend_schema(
        responses={200: OpenApiResponse(OpenApiTypes.OBJECT, "Definitions in RabbitMQ's format.")},
        parameters=[flag_parameter("secrets", "Include password hashes, and passwords in URIs.")],
        filters=False,
    )
    @also_answers("409")
    @action(methods=["get"], detail=True, url_path="file", pagination_class=None)
    def file(self, request: Request, pk: str) -> HttpResponse:
        """Get the definitions in a backup."""
        backup = backups.access_backup(cast(User, request.user), int(pk))
        content = backups.download_backup(
            backup, secrets=flag_of(request, "secrets"), acting_user=cast(User, request.user)
        )
        return HttpResponse(content, content_type="application/json")
