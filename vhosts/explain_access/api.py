"""GET /explain/ and GET /patterns/: answered from the observed state, without a call to a
broker."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from accessctl.explain import ACTS
from accessctl.rights import Permission
from console.faces.rest.views import ApiView
from console.models import Broker
from vhosts.explain_access.pattern_preview import preview_pattern
from vhosts.explain_access.service import explain_access


class ReasonRead(serializers.Serializer[Any]):
    """A rule that the broker applies. A note has no effect on the result."""

    rule = serializers.CharField()
    outcome = serializers.ChoiceField(choices=["allows", "denies", "unknown", "note"])
    sentence = serializers.CharField()
    right = serializers.CharField(help_text="configure, write or read, if a pattern was tested.")
    resource = serializers.CharField(help_text="The name the pattern was tested against.")
    pattern = serializers.CharField()
    decided = serializers.BooleanField(help_text="Whether the result depends on it.")

    class Meta:
        ref_name = "Reason"


class ExplainRead(serializers.Serializer[Any]):
    """Whether a RabbitMQ user can do something."""

    allowed = serializers.BooleanField(
        source="verdict.allowed",
        allow_null=True,
        help_text="Null if unknown; see `missing`.",
    )
    method = serializers.CharField(help_text="The operation in AMQP 0-9-1 or the management API.")
    reasons = ReasonRead(source="verdict.reasons", many=True)
    missing = serializers.ListField(source="verdict.missing", child=serializers.CharField())
    observed_at = serializers.DateTimeField(
        source="facts.observed_at", allow_null=True, help_text="When the broker was last listed."
    )
    stale = serializers.BooleanField(
        source="facts.stale", help_text="Whether the broker doesn't answer now."
    )

    class Meta:
        ref_name = "Explanation"


class NoteRead(serializers.Serializer[Any]):
    code = serializers.CharField()
    sentence = serializers.CharField()

    class Meta:
        ref_name = "PatternNote"


class MatchesRead(serializers.Serializer[Any]):
    count = serializers.IntegerField()
    of = serializers.IntegerField(help_text="The number of names.")
    sample = serializers.ListField(child=serializers.CharField())
    refused = serializers.CharField(
        allow_null=True, help_text="Why some names weren't tested; null if all were."
    )

    class Meta:
        ref_name = "PatternMatches"


class PatternRead(serializers.Serializer[Any]):
    """A permission pattern: whether it's valid, what it means and what it matches."""

    pattern = serializers.CharField(source="checked.pattern")
    valid = serializers.BooleanField(
        source="checked.valid", allow_null=True, help_text="Null if only the broker can decide."
    )
    error = serializers.CharField(source="checked.error")
    position = serializers.IntegerField(
        source="checked.position",
        allow_null=True,
        help_text="The position of the error, in characters.",
    )
    words = serializers.CharField(source="checked.words.words")
    risky = serializers.BooleanField(
        source="checked.risky", help_text="Whether matching can take too many steps."
    )
    notes = NoteRead(source="checked.notes", many=True)
    queues = MatchesRead(allow_null=True)
    exchanges = MatchesRead(allow_null=True)
    observed_at = serializers.DateTimeField(allow_null=True)

    class Meta:
        ref_name = "Pattern"


def _text(name: str, about: str, *, required: bool = False) -> OpenApiParameter:
    return OpenApiParameter(name, OpenApiTypes.STR, required=required, description=about)


_BROKER = _text("broker", "A broker's ID or name.", required=True)


class ExplainView(ApiView):
    serializer_class = ExplainRead
    pagination_class = None
    filter_backends = ()
    console_permissions = {"list": Permission.EXPLAIN_USE}
    query_parameters = {
        "list": frozenset(
            {
                "broker", "user", "vhost", "act", "target", "source", "routing_key",
                "dead_letter_exchange", "alternate_exchange", "remote",
            }
        )
    }  # fmt: skip

    def known_parameters(self) -> frozenset[str]:
        return self.query_parameters["list"]

    @extend_schema(
        operation_id="explain",
        responses=ExplainRead,
        parameters=[
            _BROKER,
            _text("user", "The RabbitMQ user.", required=True),
            _text("vhost", "The virtual host. Not used with `administer`."),
            OpenApiParameter("act", OpenApiTypes.STR, required=True, enum=[str(a) for a in ACTS]),
            _text("target", "The queue or exchange. Default: the default exchange, or a server-named queue."),
            _text("source", "For bindings: the exchange that messages come from."),
            _text("routing_key", "Default: any routing key."),
            _text("dead_letter_exchange", "For `declare_queue`; amq.default is the default exchange."),
            _text("alternate_exchange", "For `declare_exchange`."),
            OpenApiParameter("remote", OpenApiTypes.BOOL,
                             description="Whether the client connects from a machine other than "
"the broker's."),
        ],
    )  # fmt: skip
    def list(self, request: Request) -> Response:
        """Explain whether a RabbitMQ user can do something, with the rule and pattern that decide it."""
        given = request.query_params
        found = explain_access(
            broker=_broker(request),
            user=given.get("user", ""),
            vhost=given.get("vhost", ""),
            act=given.get("act", ""),
            target=given.get("target", ""),
            source=given.get("source", ""),
            routing_key=given.get("routing_key"),
            dead_letter_exchange=given.get("dead_letter_exchange"),
            alternate_exchange=given.get("alternate_exchange"),
            remote=_flag(request, "remote"),
            acting_user=request.user,
            now=timezone.now(),
        )
        answer = {
            "verdict": found.verdict,
            "facts": found.facts,
            "method": ACTS[found.question.act].method,
        }
        return Response(ExplainRead(answer).data)


class PatternsView(ApiView):
    serializer_class = PatternRead
    pagination_class = None
    filter_backends = ()
    console_permissions = {"list": Permission.PERMISSIONS_VIEW}
    query_parameters = {"list": frozenset({"broker", "vhost", "pattern", "topic"})}

    def known_parameters(self) -> frozenset[str]:
        return self.query_parameters["list"]

    @extend_schema(
        operation_id="pattern",
        responses=PatternRead,
        parameters=[
            _BROKER,
            _text(
                "vhost", "The virtual host whose queues and exchanges are tested.", required=True
            ),
            _text("pattern", "The regular expression; can be empty.", required=True),
            OpenApiParameter(
                "topic",
                OpenApiTypes.BOOL,
                description="Whether it is the pattern of a topic permission.",
            ),
        ],
    )
    def list(self, request: Request) -> Response:
        """Explain a permission pattern, with the queues and exchanges it matches."""
        if not (vhost := request.query_params.get("vhost")):
            raise ValidationError({"vhost": ["Send the virtual host."]})
        found = preview_pattern(
            broker=_broker(request),
            vhost=vhost,
            pattern=request.query_params.get("pattern", ""),
            topic=_flag(request, "topic") or False,
            acting_user=request.user,
        )
        return Response(PatternRead(found).data)


def _broker(request: Request) -> Broker:
    text = request.query_params.get("broker", "")
    is_id = text.isascii() and text.isdecimal() and len(text) <= 18
    visible = Broker.objects.visible_to(request.user).select_related("status")
    broker = visible.filter(**({"pk": int(text)} if is_id else {"name": text})).first()
    if broker is None:
        raise ValidationError({"broker": ["Broker not found. Send its ID or name."]})
    return broker


def _flag(request: Request, name: str) -> bool | None:
    text = request.query_params.get(name)
    if text not in (None, "true", "false"):
        raise ValidationError({name: [f"{name} must be true or false."]})
    return None if text is None else text == "true"
