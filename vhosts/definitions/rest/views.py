"""Definitions over REST: export, plan and apply an import, backups.

An import's body is the definitions file itself, as `curl -d @file.json` sends it; its options are
query parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any, cast

import django_filters
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from accessctl.rights import Permission
from console.errors import TooLarge
from console.faces.rest.filters import BrokerFilter
from console.faces.rest.parsers import StrictJSONParser
from console.faces.rest.schema import also_answers
from console.faces.rest.views import ApiView
from console.models import Broker
from console.reconcile.definitions.text import MOST_BYTES
from vhosts.definitions import backups
from vhosts.definitions.import_drafts import shown_plan
from vhosts.definitions.import_file import ImportOptions, accept_import, plan_import
from vhosts.definitions.read import export_definitions, export_for_copy
from vhosts.definitions.rest.fields import (
    AppliedRead,
    BackupRead,
    BackupWrite,
    ComparisonRead,
    ImportPlanRead,
)
from vhosts.models import Backup

_FLAGS = ("prune", "replace", "force", "valid_part")
_IMPORT = frozenset({
    "broker", "vhost", "source_vhost", "from_broker", "permissions", "transformations", *_FLAGS,
})  # fmt: skip


class FileParser(BaseParser):
    """The file as it was sent: it is read once, by console.reconcile.definitions.read."""

    media_type = "application/json"

    def parse(  # type: ignore[override]
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        try:
            body: bytes = stream.read(MOST_BYTES + 1)
        except OSError:
            raise ParseError("The body couldn't be read. Send it again.") from None
        if len(body) > MOST_BYTES:
            raise TooLarge(f"The file is larger than {MOST_BYTES // 1024 // 1024} MB.")
        return body


class BackupFilters(django_filters.FilterSet):
    broker = BrokerFilter()

    class Meta:
        model = Backup
        fields: list[str] = []


def _text(name: str, about: str, *, required: bool = False) -> OpenApiParameter:
    return OpenApiParameter(name, OpenApiTypes.STR, required=required, description=about)


def _bool(name: str, about: str) -> OpenApiParameter:
    return OpenApiParameter(name, OpenApiTypes.BOOL, description=about)


_BROKER = _text("broker", "A broker's ID or name.", required=True)
_TRANSFORMATIONS = _text(
    "transformations", "Comma-separated names of transformations, as in rabbitmqadmin v2."
)
_OPTIONS = [
    _BROKER,
    _text("vhost", "Import only into this virtual host."),
    _text(
        "source_vhost",
        "With `vhost`: the virtual host to take from the file. Default: the one with the "
        "same name.",
    ),
    _text(
        "from_broker",
        "Copy from this broker instead of a file. Requires `vhost` and `source_vhost`.",
    ),
    _bool("permissions", "With `from_broker`: also copy permissions."),
    _bool(
        "prune",
        "Delete objects that aren't in the file (same kinds only), and clear limits, "
        "tags, descriptions and passwords that are empty in the file.",
    ),
    _bool("replace", "Delete and declare again objects whose fixed properties differ."),
    _bool("force", "Also delete queues that hold messages."),
    _bool("valid_part", "Skip objects that can't be imported and import the rest."),
    _TRANSFORMATIONS,
]


class DefinitionsView(ApiView):
    serializer_class = ImportPlanRead
    pagination_class = None
    filter_backends = ()
    most_body = MOST_BYTES
    console_permissions = {
        "list": Permission.DEFINITIONS_EXPORT,
        "plan": Permission.DEFINITIONS_IMPORT,
        "apply": Permission.DEFINITIONS_IMPORT,
        "compare": Permission.DEFINITIONS_EXPORT,
    }
    query_parameters = {
        "list": frozenset({"broker", "vhost", "secrets", "transformations"}),
        "plan": _IMPORT,
        "apply": _IMPORT | {"reason"},
        "compare": frozenset({"older", "newer"}),
    }

    def get_parsers(self) -> list[BaseParser]:
        return [FileParser()]

    @extend_schema(
        operation_id="definitions_export",
        responses={200: OpenApiResponse(OpenApiTypes.OBJECT, "Definitions in RabbitMQ's format.")},
        parameters=[
            _BROKER,
            _text("vhost", "Only this virtual host."),
            _bool("secrets", "Include password hashes, and passwords in URIs."),
            _TRANSFORMATIONS,
        ],
    )
    @also_answers("409")
    def list(self, request: Request) -> Response:
        """Export the current definitions of a broker. Objects that can't be read are left out and named in `explanation`."""
        found = export_definitions(
            broker=_broker(request, "broker"),
            vhost=request.query_params.get("vhost"),
            secrets=_flag(request, "secrets"),
            transformations=_names(request),
            acting_user=cast(User, request.user),
        )
        return Response(found)

    @extend_schema(
        operation_id="definitions_plan",
        request={"application/json": OpenApiTypes.OBJECT},
        responses=ImportPlanRead,
        parameters=_OPTIONS,
    )
    @also_answers("409")
    @action(methods=["post"], detail=False, url_path="plan")
    def plan(self, request: Request) -> Response:
        """Plan an import. Returns what it would change and what it can't."""
        return Response(ImportPlanRead(shown_plan(_planned(request))).data)

    @extend_schema(
        operation_id="definitions_apply",
        request={"application/json": OpenApiTypes.OBJECT},
        responses={202: OpenApiResponse(AppliedRead)},
        parameters=[
            *_OPTIONS,
            _text("reason", "Stored with the change and in the audit log."),
            OpenApiParameter("Idempotency-Key", OpenApiTypes.STR, OpenApiParameter.HEADER),
            OpenApiParameter(
                "If-Match",
                OpenApiTypes.STR,
                OpenApiParameter.HEADER,
                description="The `fingerprint` of the plan.",
            ),
        ],
    )
    @also_answers("409", "412")
    @action(methods=["post"], detail=False, url_path="apply")
    def apply(self, request: Request) -> Response:
        """Apply an import as one change. If an object can't be imported, nothing is changed, unless you set `valid_part`."""
        plan = _planned(request)
        change = accept_import(
            plan,
            acting_user=cast(User, request.user),
            now=timezone.now(),
            origin="api",
            reason=request.query_params.get("reason", ""),
            expected_fingerprint=request.headers.get("If-Match", "").strip('"'),
            idempotency_key=_key(request),
        )
        answer = {
            "change": change.pk if change else None,
            "state": change.state if change else "in_sync",
            "counts": plan.counts(),
        }
        return Response(AppliedRead(answer).data, status=202)

    @extend_schema(
        operation_id="definitions_compare",
        responses=ComparisonRead,
        parameters=[
            OpenApiParameter(
                "older", OpenApiTypes.INT, required=True, description="The ID of a backup."
            ),
            OpenApiParameter(
                "newer",
                OpenApiTypes.INT,
                description="The ID of a backup. Default: the broker's current definitions.",
            ),
        ],
    )
    @also_answers("404", "409")
    @action(methods=["get"], detail=False, url_path="compare")
    def compare(self, request: Request) -> Response:
        """Compare two backups, or a backup with the broker's current definitions."""
        older = _backup(request, "older")
        if older is None:
            raise ValidationError({"older": ["Send the ID of a backup."]})
        found = backups.compare_backups(
            older, _backup(request, "newer"), acting_user=cast(User, request.user)
        )
        answer = {
            "counts": found.counts(),
            "rows": [row.as_json() for row in found.rows],
            "left_out": list(found.left_out),
        }
        return Response(ComparisonRead(answer).data)


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
        parameters=[_bool("secrets", "Include password hashes, and passwords in URIs.")],
        filters=False,
    )
    @also_answers("409")
    @action(methods=["get"], detail=True, url_path="file", pagination_class=None)
    def file(self, request: Request, pk: str) -> HttpResponse:
        """Get the definitions in a backup."""
        backup = backups.access_backup(cast(User, request.user), int(pk))
        content = backups.download_backup(
            backup, secrets=_flag(request, "secrets"), acting_user=cast(User, request.user)
        )
        return HttpResponse(content, content_type="application/json")


def _planned(request: Request) -> Any:
    given = request.query_params
    user = cast(User, request.user)
    source = given.get("source_vhost")
    if "from_broker" in given:
        if not given.get("vhost") or not source:
            raise ValidationError({"source_vhost": ["To copy, set vhost and source_vhost."]})
        body = export_for_copy(
            broker=_broker(request, "from_broker"),
            vhost=source,
            permissions=_flag(request, "permissions"),
            acting_user=user,
        )
    else:
        body = request.data if isinstance(request.data, bytes) else b""
        if not body:
            raise ParseError("Send the definitions file as the body, with a Content-Length.")
    options = ImportOptions(
        vhost=given.get("vhost"),
        source_vhost=source,
        transformations=tuple(_names(request)),
        **{name: _flag(request, name) for name in _FLAGS},
    )
    return plan_import(
        broker=_broker(request, "broker"),
        body=body,
        options=options,
        acting_user=user,
        now=timezone.now(),
    )


def _broker(request: Request, name: str) -> Broker:
    text = request.query_params.get(name, "")
    is_id = text.isascii() and text.isdecimal() and len(text) <= 18
    visible = Broker.objects.visible_to(request.user).select_related("status")
    broker = visible.filter(**({"pk": int(text)} if is_id else {"name": text})).first()
    if broker is None:
        raise ValidationError({name: ["Broker not found. Send its ID or name."]})
    return broker


def _backup(request: Request, name: str) -> Backup | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise ValidationError({name: ["Send the ID of a backup."]})
    return backups.access_backup(cast(User, request.user), int(text))


def _names(request: Request) -> list[str]:
    return [name for name in request.query_params.get("transformations", "").split(",") if name]


def _flag(request: Request, name: str) -> bool:
    text = request.query_params.get(name)
    if text not in (None, "true", "false"):
        raise ValidationError({name: ["{name} must be true or false."]})
    return text == "true"


def _key(request: Request) -> str:
    key = request.headers.get("Idempotency-Key", "")
    if len(key) > 100 or not key.isascii():
        raise ParseError("An Idempotency-Key has at most 100 ASCII characters.")
    return str(key)
