"""Publish messages by the API: one at a time, at most once."""

from __future__ import annotations

import re
from typing import IO, Any, ClassVar
from uuid import UUID, uuid4

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ParseError, ValidationError
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from accessctl.authorize import require
from accessctl.rights import Permission
from console.errors import InvalidField
from console.faces.rest.drawn.changing import BrokerField, sent
from console.faces.rest.fields import StrictSerializer, Text
from console.faces.rest.parsers import parse_object
from console.faces.rest.schema import also_answers
from console.faces.rest.views import ApiView
from vhosts.messages.publishing.message import Draft, read_message
from vhosts.messages.publishing.model import PublishRequest, PublishState
from vhosts.messages.publishing.preview import preview_of
from vhosts.messages.publishing.reasons import verdict_of
from vhosts.messages.publishing.send import publish
from vhosts.messages.publishing.views import access_request
from vhosts.messages.publishing.where import Place, place_for
from vhosts.routing.api import RouteRead
from vhosts.routing.as_json import trace_json

#: Bytes of a body of the API. Larger messages are uploaded on the page.
MOST_BODY = 1024 * 1024
KEY = re.compile(r"[!-~]{1,90}")
_HEADERS_ABOUT = (
    "JSON types become AMQP types: text, a 64-bit whole number, a double, a boolean, void, an array, a "
    'table. Others are written `{"$type": "timestamp", "value": 1700000000}`, with string, bytes '
    "(base64), decimal (text), timestamp, int8 to int64, uint8 to uint32, float, double, boolean, void, "
    "array or table."
)
IDEMPOTENCY = OpenApiParameter(
    "Idempotency-Key", OpenApiTypes.STR, OpenApiParameter.HEADER,
    description="1 to 90 visible ASCII characters. A repeated request with the same key returns the "
    "first one's outcome and sends nothing.",
)  # fmt: skip


class MessageParser(BaseParser):
    """JSON of up to MOST_BODY bytes."""

    media_type = "application/json"

    def parse(  # type: ignore[override]
        self, stream: IO[Any], media_type: str | None = None, parser_context: Any = None
    ) -> dict[str, Any]:
        try:
            body = stream.read(MOST_BODY + 1)
        except OSError:
            raise ParseError("The body couldn't be read. Send it again.") from None
        return parse_object(body)


@extend_schema_field(OpenApiTypes.OBJECT)
class _Table(serializers.JSONField):
    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, dict):
            raise ValidationError("Send a JSON object.", "invalid")
        return data


class MessageWrite(StrictSerializer):
    broker = BrokerField(help_text="A broker's ID or name.")
    vhost = Text(help_text="The virtual host.")
    exchange = Text(
        required=False, default="", allow_blank=True,
        help_text="Empty: the default exchange, whose routing key is a queue's name.",
    )  # fmt: skip
    routing_key = Text(required=False, default="", allow_blank=True)
    properties = _Table(
        required=False,
        help_text="AMQP's basic properties, such as `content_type`, `delivery_mode`, `expiration` (text, "
        "milliseconds), `timestamp` (seconds since 1970, or ISO 8601).",
    )
    headers = _Table(required=False, help_text=_HEADERS_ABOUT)
    payload = Text(required=False, allow_blank=True, help_text="The body as text, sent as UTF-8.")
    payload_base64 = Text(required=False, allow_blank=True, help_text="Or the body's bytes.")
    delay = serializers.IntegerField(
        required=False,
        help_text="Milliseconds. Only x-delayed-message exchanges delay; others are refused.",
    )

    class Meta:
        ref_name = "PublishMessage"


class PublishedRead(serializers.ModelSerializer[PublishRequest]):
    """A request to publish, and what became of the message."""

    broker = serializers.IntegerField(source="broker_id", help_text="The broker's ID.")
    outcome = serializers.ChoiceField(
        source="state",
        choices=PublishState.choices,
        help_text="`confirmed`: in queues; `returned`: no queue got it; `refused`: the broker didn't take "
        "it; `unknown`: sent, but the answer was lost; `failed`: not sent; `accepted` and `sending`: "
        "it hasn't ended yet.",
    )
    reply_code = serializers.IntegerField(source="code", allow_null=True)
    reply_text = serializers.CharField(source="text")
    detail = serializers.SerializerMethodField(help_text="The outcome in a sentence.")
    delayed_ms = serializers.IntegerField(
        source="delay", allow_null=True, help_text="How long the exchange holds it before routing."
    )

    class Meta:
        model = PublishRequest
        ref_name = "PublishedMessage"
        fields = (
            "id", "broker", "vhost", "exchange", "routing_key", "size", "published_as", "outcome",
            "reply_code", "reply_text", "detail", "delayed_ms", "created_at", "ended_at",
        )  # fmt: skip

    def get_detail(self, found: PublishRequest) -> str:
        verdict = verdict_of(found.state, found.code, found.text, delay=found.delay)
        return f"{verdict.text} {verdict.advice}".strip()


@extend_schema(tags=["messages"])
class PublishView(ApiView):
    """Publish messages over AMQP, with confirms, at most once."""

    queryset = PublishRequest.objects.none()
    serializer_class = PublishedRead
    pagination_class = None
    filter_backends = ()
    parser_classes = (MessageParser,)
    most_body = MOST_BODY
    lookup_value_regex = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    nouns = ("published messages", "published message")
    console_permissions: ClassVar = {
        "create": Permission.MESSAGES_PUBLISH,
        "retrieve": Permission.MESSAGES_PUBLISH,
        "preview": Permission.MESSAGES_PUBLISH,
    }

    @extend_schema(
        operation_id="publish_message",
        request=MessageWrite,
        responses={200: PublishedRead, 202: PublishedRead},
        parameters=[IDEMPOTENCY],
    )
    @also_answers("409")
    def create(self, request: Request) -> Response:
        """Publish a message once. The answer says whether queues got it. Trouble with the broker is an outcome, not an error.

        202: the request is still being sent, by an earlier call with the same key.
        """
        place, draft = self._read(request)
        key = request.headers.get("Idempotency-Key", "") or f"once-{uuid4().hex}"
        if not KEY.fullmatch(key):
            raise ValidationError(
                {"Idempotency-Key": ["The key must be 1 to 90 visible ASCII characters."]}
            )
        try:
            found = publish(draft, place, actor=request.user, key=f"api-{key}", origin="api")
        except InvalidField as error:
            raise ValidationError({error.field: [error.message]}) from None
        answer = Response(PublishedRead(found).data, status=202 if found.is_open else 200)
        answer["Location"] = self.reverse_action("detail", args=[found.pk])
        return answer

    @extend_schema(operation_id="published_message", responses=PublishedRead)
    def retrieve(self, request: Request, pk: str) -> Response:
        """Get one of your own requests with its outcome. They are kept for a week."""
        return Response(PublishedRead(access_request(request.user, UUID(pk))).data)

    @extend_schema(operation_id="preview_message", request=MessageWrite, responses={200: RouteRead})
    @action(methods=["post"], detail=False, url_path="preview")
    def preview(self, request: Request) -> Response:
        """Trace a message without publishing it: which queues would get it."""
        place, draft = self._read(request)
        require(request.user, Permission.QUEUES_VIEW, place.broker, place.vhost)
        try:
            found = preview_of(draft, place, user=request.user, now=timezone.now())
        except InvalidField as error:
            raise ValidationError({error.field: [error.message]}) from None
        traced = found.traced
        assert traced is not None  # noqa: S101 – the right was checked
        answer = {
            **trace_json(traced.trace),
            "notes": [*traced.trace.notes, *found.notes],
            "observed_at": traced.observed_at,
            "stale": traced.stale,
        }
        return Response(answer)

    def _read(self, request: Request) -> tuple[Place, Draft]:
        """Return where, and the message. Raises ValidationError,
        NotAllowed."""
        body = sent(MessageWrite, request, self.body())
        message = {name: value for name, value in body.items() if name not in ("broker", "vhost")}
        try:
            place = place_for(request.user, body["broker"], body["vhost"])
            return place, read_message(message)
        except InvalidField as error:
            raise ValidationError({error.field: [error.message]}) from None
