"""POST /route/: where a message goes, answered from the observed state without a call to a broker."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accessctl.rights import Permission
from console.errors import InvalidField
from console.faces.rest.drawn.changing import BrokerField, sent
from console.faces.rest.fields import Flag, StrictSerializer, Text
from console.faces.rest.views import ApiView
from vhosts.routing.as_json import trace_json
from vhosts.routing.service import trace_message

KINDS = ["queue", "exchange"]
OUTCOMES = ["yes", "no", "maybe", "skipped"]
_STEPS = {"type": "array", "items": {"$ref": "#/components/schemas/RouteStep"}}
_AFTER = {"type": "array", "items": {"$ref": "#/components/schemas/RouteAfter"}}


@extend_schema_field(OpenApiTypes.OBJECT)
class _Table(serializers.JSONField):
    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, dict):
            raise ValidationError("Send a JSON object.", "invalid")
        return data


@extend_schema_field(_STEPS)
class _Steps(serializers.JSONField):
    pass


@extend_schema_field(_AFTER)
class _After(serializers.JSONField):
    pass


class RouteWrite(StrictSerializer):
    broker = BrokerField(help_text="A broker's ID or name.")
    vhost = Text(help_text="The virtual host.")
    exchange = Text(allow_blank=True, help_text="Empty: the default exchange.")
    routing_key = Text(required=False, default="", allow_blank=True)
    headers = _Table(
        required=False, help_text="JSON types become AMQP types; CC and BCC are lists."
    )
    properties = _Table(required=False, help_text="AMQP's basic properties, such as `expiration`.")
    mandatory = Flag(required=False, default=False)

    class Meta:
        ref_name = "RouteRequest"


class StepRead(serializers.Serializer[Any]):
    """A way to a queue or exchange, taken or not, and why."""

    kind = serializers.ChoiceField(choices=KINDS)
    name = serializers.CharField()
    type = serializers.CharField(help_text="The type of the queue or exchange; empty: unknown.")
    outcome = serializers.ChoiceField(
        choices=OUTCOMES,
        help_text="`maybe`: can't be predicted; `skipped`: not tried.",
    )
    reason = serializers.CharField()
    via = serializers.ChoiceField(
        choices=["publish", "binding", "alternate", "name"],
        help_text="`name`: a queue's name is its binding to the default exchange.",
    )
    binding_key = serializers.CharField(allow_null=True)
    arguments = _Table()
    steps = _Steps(help_text="How it continues from an exchange.")
    matched = serializers.IntegerField(help_text="Matching bindings of the exchange.")
    unmatched = serializers.IntegerField()
    left_out = serializers.IntegerField(help_text="Bindings that aren't listed in `steps`.")

    class Meta:
        ref_name = "RouteStep"


class NearRead(StepRead):
    exchange = serializers.CharField()

    class Meta:
        ref_name = "RouteNearMiss"


class DeadLettersRead(serializers.Serializer[Any]):
    exchange = serializers.CharField(allow_null=True, help_text="Null: the message is deleted.")
    sentence = serializers.CharField()
    tree = StepRead(allow_null=True)
    queues = serializers.ListField(child=serializers.CharField())
    possible_queues = serializers.ListField(child=serializers.CharField())
    then = _After()

    class Meta:
        ref_name = "RouteDeadLetters"

    def get_fields(self) -> Any:
        # `if` is a word of Python.
        reasons = serializers.ListField(
            child=serializers.CharField(), help_text="When the queue dead-letters the message."
        )
        return {"if": reasons, **super().get_fields()}


class AfterRead(serializers.Serializer[Any]):
    """What can happen to the message in a queue."""

    queue = serializers.CharField()
    type = serializers.CharField()
    facts = serializers.ListField(child=serializers.CharField())
    cycle = serializers.CharField(
        help_text="If the queue is already in this chain: what happens then."
    )
    dead_letters = DeadLettersRead(allow_null=True)

    class Meta:
        ref_name = "RouteAfter"


class RefusalRead(serializers.Serializer[Any]):
    code = serializers.IntegerField(help_text="AMQP's reply code: 403, 404 or 406.")
    sentence = serializers.CharField()

    class Meta:
        ref_name = "RouteRefusal"


class RouteRead(serializers.Serializer[Any]):
    """Where a message goes."""

    verdict = serializers.ChoiceField(choices=["routed", "unroutable", "refused", "depends"])
    sentence = serializers.CharField()
    exchange = serializers.CharField()
    routing_keys = serializers.ListField(
        child=serializers.CharField(), help_text="The routing key, then those in CC and BCC."
    )
    queues = serializers.ListField(child=serializers.CharField(), help_text="Each gets one copy.")
    possible_queues = serializers.ListField(
        child=serializers.CharField(), help_text="Which of them get it can't be predicted."
    )
    returned = serializers.BooleanField(
        allow_null=True, help_text="Whether the publisher gets it back; null: it depends."
    )
    refused = RefusalRead(allow_null=True)
    tree = StepRead(allow_null=True)
    near_misses = NearRead(many=True)
    after = AfterRead(many=True)
    notes = serializers.ListField(child=serializers.CharField())
    incomplete = serializers.ListField(
        child=serializers.CharField(), help_text="What isn't completely known; empty: all is."
    )
    observed_at = serializers.DateTimeField(
        allow_null=True, help_text="When exchanges, queues and bindings were last listed."
    )
    stale = serializers.BooleanField(help_text="Whether the broker doesn't answer now.")

    class Meta:
        ref_name = "Route"


class RouteView(ApiView):
    serializer_class = RouteRead
    pagination_class = None
    filter_backends = ()
    console_permissions = {"create": Permission.QUEUES_VIEW}

    @extend_schema(operation_id="route", request=RouteWrite, responses={200: RouteRead})
    def create(self, request: Request) -> Response:
        """Trace a message: which queues get it, why others don't, and what follows. Nothing is published."""
        body = sent(RouteWrite, request, self.body())
        try:
            found = trace_message(
                broker=body["broker"],
                vhost=body["vhost"],
                exchange=body["exchange"],
                routing_key=body["routing_key"],
                headers=body.get("headers"),
                properties=body.get("properties"),
                mandatory=body["mandatory"],
                acting_user=request.user,
                now=timezone.now(),
            )
        except InvalidField as error:
            raise ValidationError({error.field: [error.message]}) from None
        answer = {
            **trace_json(found.trace),
            "observed_at": found.observed_at,
            "stale": found.stale,
        }
        return Response(answer)
