"""Files of messages in the API: JSON lines in the body."""

from __future__ import annotations

from typing import IO, Any, ClassVar
from uuid import UUID, uuid4

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from accessctl.rights import Permission
from console.errors import InvalidField
from console.faces.rest.pagination import PageNumbers
from console.faces.rest.schema import also_answers
from console.faces.rest.views import ApiView
from vhosts.definitions.rest.parameters import broker_of, flag_of, flag_parameter, text_parameter
from vhosts.messages.publishing.api import IDEMPOTENCY, KEY
from vhosts.messages.publishing.batches.model import (
    BatchState,
    LineState,
    PublishBatch,
    PublishLine,
)
from vhosts.messages.publishing.batches.read import MOST_FILE, BadFile
from vhosts.messages.publishing.batches.service import access_batch, counts_of, start, stop, store
from vhosts.messages.publishing.where import place_for
from vhosts.routing.message import check_name

_CREATE = frozenset({"broker", "vhost", "exchange", "check"})
_CHUNK = 64 * 1024


class LinesParser(BaseParser):
    """Returns the lines as they were sent: each is parsed on its own."""

    media_type = "application/x-ndjson"

    def parse(  # type: ignore[override]
        self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None
    ) -> bytes:
        try:
            body: bytes = stream.read(MOST_FILE + 1)
        except OSError:
            raise ParseError("The body couldn't be read. Send it again.") from None
        return body


class CountsRead(serializers.Serializer[Any]):
    """The number of lines by state."""

    def get_fields(self) -> dict[str, Any]:
        return {str(name): serializers.IntegerField() for name in LineState.values}

    class Meta:
        ref_name = "PublishFileCounts"


class BatchRead(serializers.ModelSerializer[PublishBatch]):
    """A file of messages. Continue it with `start` if it was stopped or interrupted."""

    broker = serializers.IntegerField(source="broker_id", help_text="The broker's ID.")
    counts = serializers.SerializerMethodField()
    problem = serializers.CharField(help_text="Why it was interrupted; usually empty.")

    class Meta:
        model = PublishBatch
        ref_name = "PublishFile"
        fields = (
            "id", "broker", "vhost", "published_as", "total", "size", "state", "problem", "counts",
            "created_at", "started_at", "ended_at",
        )  # fmt: skip

    @extend_schema_field(CountsRead)
    def get_counts(self, batch: PublishBatch) -> dict[str, int]:
        return counts_of(batch)


class LineRead(serializers.ModelSerializer[PublishLine]):
    outcome = serializers.ChoiceField(source="state", choices=LineState.choices)
    reply_code = serializers.IntegerField(source="code", allow_null=True)
    reply_text = serializers.CharField(source="text")

    class Meta:
        model = PublishLine
        ref_name = "PublishFileLine"
        fields = (
            "number",
            "exchange",
            "routing_key",
            "size",
            "outcome",
            "reply_code",
            "reply_text",
        )


@extend_schema(tags=["messages"])
class PublishFilesView(ApiView):
    """Many messages from JSON lines, each sent at most once by a worker."""

    queryset = PublishBatch.objects.none()
    serializer_class = BatchRead
    pagination_class = PageNumbers
    filter_backends = ()
    parser_classes = (LinesParser,)
    most_body = MOST_FILE
    lookup_value_regex = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    nouns = ("files of messages", "file of messages")
    console_permissions: ClassVar = dict.fromkeys(
        ("create", "retrieve", "lines", "start", "stop"), Permission.MESSAGES_PUBLISH
    )
    query_parameters: ClassVar = {
        "create": _CREATE,
        "lines": frozenset({"outcome", "page", "page_size"}),
    }

    @extend_schema(
        operation_id="publish_file",
        request={"application/x-ndjson": OpenApiTypes.STR},
        responses={202: BatchRead},
        parameters=[
            text_parameter("broker", "A broker's ID or name.", required=True),
            text_parameter("vhost", "The virtual host.", required=True),
            text_parameter("exchange", "For lines that name none. Default: the default exchange."),
            flag_parameter(
                "check", "`true`: only check the lines and store them; `start` sends them."
            ),
            IDEMPOTENCY,
        ],
    )
    @also_answers("409")
    def create(self, request: Request) -> Response:
        """Publish a message per line. All lines are checked first; if one is wrong, nothing is sent, and the errors name line and field.

        Content-Type: application/x-ndjson. A line: `{"exchange", "routing_key", "properties",
        "headers", "delay", "payload" or "payload_base64"}`, as for `publish/`.
        """
        if not int(request.META.get("CONTENT_LENGTH") or 0):
            raise ParseError("Send JSON lines, with a Content-Length.")
        only_check = flag_of(request, "check")
        key = request.headers.get("Idempotency-Key", "") or f"once-{uuid4().hex}"
        if not KEY.fullmatch(key):
            raise ValidationError(
                {"Idempotency-Key": ["The key must be 1 to 90 visible ASCII characters."]}
            )
        exchange = request.query_params.get("exchange", "")
        if "vhost" not in request.query_params:
            raise ValidationError({"vhost": ["Send the name of the virtual host."]})
        broker = broker_of(request, "broker")
        body: bytes = request.data  # type: ignore[assignment]
        chunks = (body[at : at + _CHUNK] for at in range(0, len(body), _CHUNK))
        try:
            place = place_for(request.user, broker, request.query_params["vhost"])
            check_name("exchange", exchange)
            batch = store(
                chunks, place, exchange="" if exchange == "amq.default" else exchange, title="",
                actor=request.user, key=f"api-{key}", origin="api",
            )  # fmt: skip
        except BadFile as error:
            raise ValidationError(
                {"lines": [str(one) for one in error.faults] or [error.message]}
            ) from None
        except InvalidField as error:
            raise ValidationError({error.field: [error.message]}) from None
        if batch.state == BatchState.CHECKED and not only_check:
            start(batch, request.user)
        answer = Response(BatchRead(batch).data, status=202)
        answer["Location"] = self.reverse_action("detail", args=[batch.pk])
        return answer

    @extend_schema(operation_id="published_file", responses=BatchRead)
    def retrieve(self, request: Request, pk: str) -> Response:
        """Get a file with its progress. Files are kept for a week."""
        return Response(BatchRead(access_batch(request.user, UUID(pk))).data)

    @extend_schema(
        operation_id="published_file_lines",
        responses=LineRead(many=True),
        parameters=[OpenApiParameter("outcome", enum=LineState.values)],
    )
    @action(methods=["get"], detail=True, url_path="lines")
    def lines(self, request: Request, pk: str) -> Response:
        """List the lines of a file with what became of each."""
        found = PublishLine.objects.filter(batch=access_batch(request.user, UUID(pk)))
        if (outcome := request.query_params.get("outcome")) is not None:
            if outcome not in LineState.values:
                names = ", ".join(LineState.values)
                raise ValidationError({"outcome": [f"Send one of {names}."]})
            found = found.filter(state=outcome)
        page = self.paginate_queryset(found.defer("content_encrypted"))
        return self.get_paginated_response(LineRead(page, many=True).data)

    @extend_schema(operation_id="publish_file_start", request=None, responses={202: BatchRead})
    @also_answers("409")
    @action(methods=["post"], detail=True, url_path="start", pagination_class=None)
    def start(self, request: Request, pk: str) -> Response:
        """Send the lines of a file that weren't sent yet."""
        batch = access_batch(request.user, UUID(pk))
        start(batch, request.user)
        return Response(BatchRead(batch).data, status=202)

    @extend_schema(operation_id="publish_file_stop", request=None, responses=BatchRead)
    @action(methods=["post"], detail=True, url_path="stop", pagination_class=None)
    def stop(self, request: Request, pk: str) -> Response:
        """Send no further line of a file. What was sent stays sent."""
        batch = access_batch(request.user, UUID(pk))
        stop(batch, request.user)
        return Response(BatchRead(batch).data)
