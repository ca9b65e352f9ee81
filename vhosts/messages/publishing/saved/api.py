"""Saved messages in the API."""

from __future__ import annotations

import base64
from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accessctl.authorize import require
from accessctl.rights import Permission
from console.errors import InvalidField
from console.faces.rest.drawn.changing import BrokerField, sent
from console.faces.rest.fields import Flag, Text
from console.faces.rest.schema import also_answers
from console.faces.rest.views import ApiView
from vhosts.messages.publishing.api import MOST_BODY, MessageParser, MessageWrite
from vhosts.messages.publishing.headers.values import as_json
from vhosts.messages.publishing.message import read_message
from vhosts.messages.publishing.saved.model import MAX_NAME, MessageTemplate
from vhosts.messages.publishing.saved.service import (
    Content,
    access_template,
    content_of,
    delete,
    save,
    visible_to,
)
from vhosts.messages.publishing.where import place_for

_OWN = ("name", "secret", "broker", "vhost")


class TemplateWrite(MessageWrite):
    name = Text(max_length=MAX_NAME)
    secret = Flag(
        required=False, default=False,
        help_text="`true`: only its owner, and those with `messages:read` there, get payload and headers.",
    )  # fmt: skip
    broker = BrokerField(required=False, help_text="A broker's ID or name. Without it: for all.")
    vhost = Text(required=False, default="/", help_text="The virtual host.")

    class Meta:
        ref_name = "SavedMessageWrite"


class TemplateRead(serializers.ModelSerializer[MessageTemplate]):
    broker = serializers.IntegerField(
        source="broker_id", allow_null=True, help_text="Null: for all brokers and virtual hosts."
    )
    exchange = serializers.CharField(source="message.exchange")
    routing_key = serializers.CharField(source="message.routing_key")

    class Meta:
        model = MessageTemplate
        ref_name = "SavedMessage"
        fields = (
            "id", "name", "broker", "vhost", "owner_name", "secret", "exchange", "routing_key",
            "updated_at",
        )  # fmt: skip


class TemplateDetail(TemplateRead):
    properties = serializers.DictField(source="message.properties")
    headers = serializers.SerializerMethodField(help_text="Null if they are hidden.")
    payload_base64 = serializers.SerializerMethodField(help_text="Null if it is hidden.")
    hidden = serializers.SerializerMethodField(help_text="Why payload and headers are hidden.")

    class Meta(TemplateRead.Meta):
        ref_name = "SavedMessageDetail"
        fields = (*TemplateRead.Meta.fields, "properties", "headers", "payload_base64", "hidden")  # type: ignore[assignment]

    @extend_schema_field({"type": "object", "nullable": True})
    def get_headers(self, found: MessageTemplate) -> Any:
        content = self._content(found)
        return None if content.hidden else as_json(content.headers)

    @extend_schema_field({"type": "string", "nullable": True})
    def get_payload_base64(self, found: MessageTemplate) -> str | None:
        content = self._content(found)
        return None if content.hidden else base64.b64encode(content.body).decode()

    @extend_schema_field(OpenApiTypes.STR)
    def get_hidden(self, found: MessageTemplate) -> str:
        return self._content(found).hidden

    def _content(self, found: MessageTemplate) -> Content:
        return content_of(self.context["request"].user, found)


@extend_schema(tags=["messages"])
class TemplatesView(ListModelMixin, ApiView):
    """Saved messages of virtual hosts in which you may publish, and those for all."""

    serializer_class = TemplateRead
    filter_backends = ()
    parser_classes = (MessageParser,)
    most_body = MOST_BODY
    nouns = ("saved messages", "saved message")
    console_permissions: ClassVar = dict.fromkeys(
        ("list", "retrieve", "create", "destroy"), Permission.MESSAGES_PUBLISH
    )

    def get_queryset(self) -> Any:
        if getattr(self, "swagger_fake_view", False):
            return MessageTemplate.objects.none()
        return visible_to(self.request.user).defer("content_encrypted")

    @extend_schema(operation_id="saved_message", responses=TemplateDetail)
    def retrieve(self, request: Request, pk: str) -> Response:
        """Get a saved message with its payload, if you may read it."""
        found = access_template(request.user, int(pk))
        return Response(TemplateDetail(found, context={"request": request}).data)

    @extend_schema(
        operation_id="save_message", request=TemplateWrite, responses={201: TemplateRead}
    )
    @also_answers("409")
    def create(self, request: Request) -> Response:
        """Save a message. One of the same name in the same place is overwritten."""
        body = sent(TemplateWrite, request, self.body())
        try:
            place = None
            if "broker" in body:
                place = place_for(request.user, body["broker"], body["vhost"])
            else:
                require(request.user, Permission.MESSAGES_PUBLISH)
            draft = read_message({n: v for n, v in body.items() if n not in _OWN})
            found = save(
                draft, place, name=body["name"], secret=body["secret"], actor=request.user,
                body_format="text",
            )  # fmt: skip
        except InvalidField as error:
            raise ValidationError({error.field: [error.message]}) from None
        answer = Response(TemplateRead(found).data, status=201)
        answer["Location"] = self.reverse_action("detail", args=[found.pk])
        return answer

    @extend_schema(operation_id="delete_saved_message", responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a saved message."""
        delete(access_template(request.user, int(pk)), request.user)
        return Response(status=204)
