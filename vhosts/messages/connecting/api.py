"""/connect/: how a RabbitMQ user connects to a virtual host, code for it, and the proof."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle

from accessctl.rights import Permission
from console.faces.rest.drawn.changing import BrokerField, sent
from console.faces.rest.fields import Flag, StrictSerializer, Text
from console.faces.rest.schema import also_answers
from console.faces.rest.throttles import PerUserProbes
from console.faces.rest.views import ApiView
from console.models import Broker
from console.rabbitmq.endpoint import Secret
from console.rabbitmq.findings import OUTCOMES
from vhosts.messages.connecting.code.clients import CLIENTS
from vhosts.messages.connecting.proof import prove_sign_in
from vhosts.messages.connecting.service import Connection, connection_for


class SnippetRead(serializers.Serializer[Any]):
    """Code that connects, with the password in the environment variable RABBITMQ_PASSWORD."""

    client = serializers.ChoiceField(choices=list(CLIENTS))
    label = serializers.CharField()  # type: ignore[assignment]
    language = serializers.CharField()
    file = serializers.CharField(help_text="What the code is saved as.")
    install = serializers.CharField()
    run = serializers.CharField()
    code = serializers.CharField()
    notes = serializers.ListField(child=serializers.CharField())

    class Meta:
        ref_name = "Snippet"


class ServerRead(serializers.Serializer[Any]):
    host = serializers.CharField()
    port = serializers.IntegerField()

    class Meta:
        ref_name = "AmqpServer"


class AccessLineRead(serializers.Serializer[Any]):
    right = serializers.ChoiceField(choices=["configure", "write", "read"])
    sentence = serializers.CharField()
    pattern = serializers.CharField()

    class Meta:
        ref_name = "AccessLine"


class AccessRead(serializers.Serializer[Any]):
    """What the user may do in the virtual host, from the last inventory."""

    state = serializers.ChoiceField(
        choices=["granted", "none", "unknown", "hidden"],
        help_text="`hidden`: you may not see permissions there.",
    )
    why = serializers.CharField(help_text="Why it is unknown; else empty.")
    lines = AccessLineRead(many=True)
    by_topic = serializers.BooleanField(
        help_text="Whether topic permissions limit its routing keys too."
    )

    class Meta:
        ref_name = "ConnectAccess"


@extend_schema_serializer(many=False)
class ConnectRead(serializers.Serializer[Any]):
    """How a RabbitMQ user connects to a virtual host. No answer contains a password."""

    tls = serializers.BooleanField(source="way.tls")
    servers = ServerRead(source="way.servers", many=True)
    unknown = serializers.CharField(
        source="way.unknown", help_text="Why no address is known; empty if one is."
    )
    uris = serializers.SerializerMethodField(
        help_text="An AMQP URI for each server, with PASSWORD in place of the percent-encoded password."
    )
    access = AccessRead()
    notes = serializers.ListField(child=serializers.CharField())
    snippets = SnippetRead(many=True)

    class Meta:
        ref_name = "Connect"

    def get_uris(self, found: Connection) -> list[str]:
        return found.target.uris() if found.target else []


class ProveWrite(StrictSerializer):
    broker = BrokerField(help_text="A broker's ID or name.")
    vhost = Text(max_length=255)
    user = Text(max_length=255, help_text="The RabbitMQ user.")
    password = Text(
        max_length=1000, write_only=True, help_text="Used once to sign in; not stored or logged."
    )
    messages = Flag(
        required=False,
        default=True,
        help_text="Also publish a message to a private queue and get it back.",
    )

    class Meta:
        ref_name = "ProveRequest"


class ProofStepRead(serializers.Serializer[Any]):
    name = serializers.ChoiceField(
        choices=[
            "resolve", "connect", "tls", "handshake", "login", "virtual_host", "channel", "declare", "publish", "receive",
        ]
    )  # fmt: skip
    outcome = serializers.ChoiceField(choices=OUTCOMES)
    message = serializers.CharField()
    advice = serializers.CharField(help_text="What to do; empty if nothing is needed.")
    took_ms = serializers.IntegerField()

    class Meta:
        ref_name = "ProofStep"


class ProofRead(serializers.Serializer[Any]):
    """The steps of signing in. After a failed step, those that depend on it are skipped."""

    ok = serializers.BooleanField(help_text="Whether no step failed.")
    steps = ProofStepRead(many=True)

    class Meta:
        ref_name = "Proof"


def _text(name: str, about: str) -> OpenApiParameter:
    return OpenApiParameter(name, OpenApiTypes.STR, required=True, description=about)


class ConnectView(ApiView):
    serializer_class = ConnectRead
    pagination_class = None
    filter_backends = ()
    console_permissions = {
        "list": Permission.USERS_VIEW,
        "prove": Permission.MESSAGES_PUBLISH,
    }
    query_parameters = {"list": frozenset({"broker", "user", "vhost"})}

    def known_parameters(self) -> frozenset[str]:
        return self.query_parameters.get(self.action or "", frozenset())

    def get_throttles(self) -> list[BaseThrottle]:
        probes = [PerUserProbes()] if self.action == "prove" else []
        return [*super().get_throttles(), *probes]

    @extend_schema(
        operation_id="connect",
        responses=ConnectRead,
        parameters=[
            _text("broker", "A broker's ID or name."),
            _text("user", "The RabbitMQ user."),
            _text("vhost", "The virtual host."),
        ],
    )
    def list(self, request: Request) -> Response:
        """Show how a RabbitMQ user connects to a virtual host, with code for eight client libraries."""
        given = request.query_params
        found = connection_for(
            broker=self._broker(),
            user=given.get("user", ""),
            vhost=given.get("vhost", ""),
            viewer=request.user,
        )
        return Response(ConnectRead(found).data)

    @extend_schema(operation_id="connect_prove", request=ProveWrite, responses=ProofRead)
    @also_answers("409")
    @action(methods=["post"], detail=False, url_path="prove")
    def prove(self, request: Request) -> Response:
        """Sign in over AMQP as the user, and return each step; takes at most 15 seconds. Refused passwords count
        in the limits of failed sign-ins."""
        asked = sent(ProveWrite, request, self.body())
        found = connection_for(
            broker=asked["broker"], user=asked["user"], vhost=asked["vhost"], viewer=request.user
        )
        steps = prove_sign_in(
            request._request,
            found,
            Secret(asked["password"]),
            messages=asked["messages"],
            acting_user=request.user,
        )
        ok = all(step.outcome != "failed" for step in steps)
        return Response(ProofRead({"ok": ok, "steps": steps}).data)

    def _broker(self) -> Broker:
        text = self.request.query_params.get("broker", "")
        is_id = text.isascii() and text.isdecimal() and len(text) <= 18
        visible = Broker.objects.visible_to(self.request.user).select_related("status")
        broker = visible.filter(**({"pk": int(text)} if is_id else {"name": text})).first()
        if broker is None:
            raise ValidationError({"broker": ["Broker not found. Send its ID or name."]})
        return broker
