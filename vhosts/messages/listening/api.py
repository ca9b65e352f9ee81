"""Listening over the API: start, ask for what came, stop."""

from __future__ import annotations

from typing import Any, ClassVar, cast
from uuid import UUID

from django.contrib.auth.models import User
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accessctl.rights import Permission
from console.errors import InvalidField
from console.faces.rest.drawn.changing import BrokerField, sent
from console.faces.rest.fields import StrictSerializer, Text
from console.faces.rest.schema import also_answers
from console.faces.rest.views import ApiView
from vhosts.messages.listening.model import TapViewer
from vhosts.messages.listening.targets import Target
from vhosts.messages.listening.viewers import join, leave, read, viewer_of
from vhosts.messages.matching import Match
from vhosts.messages.serializers import ShownMessageSerializer


@extend_schema_field(OpenApiTypes.OBJECT)
class _Table(serializers.JSONField):
    pass


class TapWrite(StrictSerializer):
    broker = BrokerField(help_text="A broker's ID or name.")
    vhost = Text(help_text="The virtual host.")
    exchange = Text(required=False, help_text="Listen to this exchange.")
    queue = Text(required=False, help_text="Or to what the bindings of this queue route.")
    mode = serializers.ChoiceField(
        choices=["bindings", "key"],
        required=False,
        help_text="`bindings` (default): copies of the exchange's bindings. `key`: a binding of your own; needs bindings:edit.",
    )
    key = Text(required=False, allow_blank=True, help_text="With `key`: the routing key.")
    arguments = _Table(required=False, help_text="With `key`: the binding's arguments.")

    class Meta:
        ref_name = "TapRequest"


class TapRead(serializers.Serializer[Any]):
    """A listener of a tap, which ends 6 seconds after it last asked for messages."""

    id = serializers.UUIDField(source="pk")
    broker = serializers.IntegerField(source="tap.broker_id")
    vhost = serializers.CharField(source="tap.target.vhost")
    target = serializers.SerializerMethodField(help_text="What it listens to, as a phrase.")
    after = serializers.IntegerField(
        source="tap.seq", help_text="The number of the last message before it began."
    )
    joined_at = serializers.DateTimeField()

    class Meta:
        ref_name = "Tap"

    def get_target(self, viewer: TapViewer) -> str:
        return Target.stored(viewer.tap.target).title


class HeardRead(serializers.Serializer[Any]):
    seq = serializers.IntegerField()
    at = serializers.DateTimeField()
    cut = serializers.BooleanField(help_text="Only the beginning of the body was kept.")
    message = ShownMessageSerializer(source="shown")

    class Meta:
        ref_name = "TappedMessage"


class TapMessagesWrite(StrictSerializer):
    after = serializers.IntegerField(
        required=False, min_value=0, help_text="Messages with higher numbers. Default: none yet."
    )
    match = serializers.DictField(
        child=serializers.CharField(allow_blank=True, trim_whitespace=False),
        required=False,
        help_text="Only messages that contain this: header, property, key, exchange, body.",
    )

    class Meta:
        ref_name = "TapMessagesRequest"


class TapMessagesRead(serializers.Serializer[Any]):
    """What came since `after`."""

    state = serializers.ChoiceField(choices=["starting", "listening", "trouble"])
    trouble = serializers.CharField(source="tap.error", help_text="Why it can't listen; or empty.")
    remarks = serializers.ListField(
        child=serializers.CharField(), source="tap.remarks", help_text="What it can't hear."
    )
    interruptions = serializers.IntegerField(
        source="tap.interruptions", help_text="How often messages were missed in between."
    )
    after = serializers.IntegerField(help_text="Send this with the next request.")
    kept = serializers.IntegerField(help_text="Messages that were kept, matching or not.")
    skipped = serializers.IntegerField(help_text="Messages beyond what is kept in a second.")
    at_least = serializers.BooleanField(help_text="More may have been skipped than counted.")
    rate = serializers.FloatField(allow_null=True, help_text="Messages a second. Null: none came.")
    messages = HeardRead(many=True, source="heard")

    class Meta:
        ref_name = "TapMessages"


@extend_schema(tags=["messages"])
class TapsView(ApiView):
    """Listen to exchanges and to bindings of queues."""

    queryset = TapViewer.objects.none()
    serializer_class = TapRead
    pagination_class = None
    filter_backends = ()
    lookup_value_regex = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    nouns = ("taps", "tap")
    console_permissions: ClassVar = {
        "create": Permission.MESSAGES_VIEW,
        "messages": Permission.MESSAGES_VIEW,
        "destroy": Permission.MESSAGES_VIEW,
    }

    @extend_schema(operation_id="start_tap", request=TapWrite, responses={201: TapRead})
    @also_answers("409")
    def create(self, request: Request) -> Response:
        """Start to listen. Ask for messages about once a second; the tap ends when nobody does. At most 5 at once for one account."""
        body = sent(TapWrite, request, self.body())
        try:
            target = Target.of(body)
            viewer = join(cast(User, request.user), body["broker"], target, now=timezone.now())
        except InvalidField as error:
            raise ValidationError({error.field: [error.message]}) from None
        return Response(TapRead(viewer).data, status=201)

    @extend_schema(
        operation_id="tap_messages", request=TapMessagesWrite, responses={200: TapMessagesRead}
    )
    @action(methods=["post"], detail=True, url_path="messages")
    def messages(self, request: Request, pk: str) -> Response:
        """Get what came, oldest first, and stay listening. Needs messages:read for payloads. 404: the tap has ended."""
        now = timezone.now()
        viewer = viewer_of(request.user, UUID(pk), now=now)
        body = sent(TapMessagesWrite, request, self.body(optional=True))
        try:
            wanted = Match.of(body.get("match") or {})
        except InvalidField as error:
            raise ValidationError({error.field: [error.message]}) from None
        found = read(request.user, viewer, after=body.get("after"), wanted=wanted, now=now)
        return Response(TapMessagesRead(found).data)

    @extend_schema(operation_id="stop_tap", request=None, responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Stop listening."""
        now = timezone.now()
        leave(viewer_of(request.user, UUID(pk), now=now), now=now)
        return Response(status=204)
