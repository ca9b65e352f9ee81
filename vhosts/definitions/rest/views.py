"""The API of definitions: export, plan and apply an import, compare.

The body of an import is the definitions file itself, as `curl -d @file.json` sends it. Its options
are query parameters.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any, cast

from django.contrib.auth.models import User
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from accessctl.rights import Permission
from console.errors import TooLarge
from console.faces.rest.schema import also_answers
from console.faces.rest.views import ApiView
from console.reconcile.definitions.text import MOST_BYTES
from vhosts.definitions import backups
from vhosts.definitions.import_drafts import shown_plan
from vhosts.definitions.import_file import ImportOptions, accept_import, plan_import
from vhosts.definitions.read import export_definitions, export_for_copy
from vhosts.definitions.rest.fields import (
    AppliedRead,
    ComparisonRead,
    ImportPlanRead,
)
from vhosts.definitions.rest.parameters import (
    backup_of,
    broker_of,
    flag_of,
    flag_parameter,
    key_of,
    names_of,
    text_parameter,
)

_FLAGS = ("prune", "replace", "force", "valid_part")
_IMPORT = frozenset({
    "broker", "vhost", "source_vhost", "from_broker", "permissions", "transformations", *_FLAGS,
})  # fmt: skip


class FileParser(BaseParser):
    """Return the file as it was sent: console.reconcile.definitions.read parses it once."""

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


_BROKER = text_parameter("broker", "A broker's ID or name.", required=True)
_TRANSFORMATIONS = text_parameter(
    "transformations", "Comma-separated names of transformations, as in rabbitmqadmin v2."
)
_OPTIONS = [
    _BROKER,
    text_parameter("vhost", "Import only into this virtual host."),
    text_parameter(
        "source_vhost",
        "With `vhost`: the virtual host to take from the file. Default: the one with the "
        "same name.",
    ),
    text_parameter(
        "from_broker",
        "Copy from this broker instead of a file. Requires `vhost` and `source_vhost`.",
    ),
    flag_parameter("permissions", "With `from_broker`: also copy permissions."),
    flag_parameter(
        "prune",
        "Delete objects that aren't in the file (same kinds only), and clear limits, "
        "tags, descriptions and passwords that are empty in the file.",
    ),
    flag_parameter("replace", "Delete and declare again objects whose fixed properties differ."),
    flag_parameter("force", "Also delete queues that hold messages."),
    flag_parameter("valid_part", "Skip objects that can't be imported and import the rest."),
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
            text_parameter("vhost", "Only this virtual host."),
            flag_parameter("secrets", "Include password hashes, and passwords in URIs."),
            _TRANSFORMATIONS,
        ],
    )
    @also_answers("409")
    def list(self, request: Request) -> Response:
        """Export the current definitions of a broker. Objects that can't be read are left out and named in `explanation`."""
        found = export_definitions(
            broker=broker_of(request, "broker"),
            vhost=request.query_params.get("vhost"),
            secrets=flag_of(request, "secrets"),
            transformations=names_of(request),
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
            text_parameter("reason", "Stored with the change and in the audit log."),
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
            expected_fingerprint=request.headers.get("If-Match", "").removeprefix("W/").strip('"'),
            idempotency_key=key_of(request),
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
        older = backup_of(request, "older")
        if older is None:
            raise ValidationError({"older": ["Send the ID of a backup."]})
        found = backups.compare_backups(
            older, backup_of(request, "newer"), acting_user=cast(User, request.user)
        )
        answer = {
            "counts": found.counts(),
            "rows": [row.as_json() for row in found.rows],
            "left_out": list(found.left_out),
        }
        return Response(ComparisonRead(answer).data)


def _planned(request: Request) -> Any:
    given = request.query_params
    user = cast(User, request.user)
    source = given.get("source_vhost")
    if "from_broker" in given:
        if not given.get("vhost") or not source:
            raise ValidationError({"source_vhost": ["To copy, set vhost and source_vhost."]})
        body = export_for_copy(
            broker=broker_of(request, "from_broker"),
            vhost=source,
            permissions=flag_of(request, "permissions"),
            acting_user=user,
        )
    else:
        body = request.data if isinstance(request.data, bytes) else b""
        if not body:
            raise ParseError("Send the definitions file as the body, with a Content-Length.")
    options = ImportOptions(
        vhost=given.get("vhost"),
        source_vhost=source,
        transformations=tuple(names_of(request)),
        **{name: flag_of(request, name) for name in _FLAGS},
    )
    return plan_import(
        broker=broker_of(request, "broker"),
        body=body,
        options=options,
        acting_user=user,
        now=timezone.now(),
    )
