"""Channels of alerts in the API. No answer contains an address: it holds tokens and passwords."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import django_filters
from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle

from accessctl.rights import Permission
from console.faces.rest.drawn.changing import ETAG, IF_MATCH, expected_generation, sent
from console.faces.rest.fields import Flag, StrictSerializer, Text
from console.faces.rest.filters import FlagFilter, TextFilter
from console.faces.rest.schema import also_answers
from console.faces.rest.throttles import PerUserProbes
from console.faces.rest.views import ApiView
from vhosts.alerts.channels.model import AlertChannel, ChannelKind
from vhosts.alerts.channels.registry import (
    ChannelSettings,
    add_channel,
    delete_channel,
    edit_channel,
    require_channels,
    test_channel,
)
from vhosts.alerts.tables.choices import Severity
from vhosts.alerts.tables.rules import AlertOwner, AlertRule


class AlertChannelRead(serializers.ModelSerializer[AlertChannel]):
    """Where messages of alerts go. Without its address, which is a secret."""

    state = serializers.CharField(help_text="channel_works, _failing, _unused or _off.")
    rules: Any = serializers.PrimaryKeyRelatedField(many=True, read_only=True)
    owners: Any = serializers.PrimaryKeyRelatedField(many=True, read_only=True)

    class Meta:
        model = AlertChannel
        ref_name = "AlertChannel"
        fields = (
            "id", "name", "kind", "about", "enabled", "state", "sends_resolved", "link_acts", "everything",
            "rules", "owners", "least_severity", "generation", "sent_at", "failed_at", "failures", "error",
        )  # fmt: skip


class AlertChannelWrite(StrictSerializer):
    name = Text(max_length=100)
    kind = serializers.ChoiceField(choices=ChannelKind.choices)
    address = serializers.DictField(
        child=Text(allow_blank=True, max_length=4000),
        required=False,
        write_only=True,
        help_text="The fields that the form of this kind has, such as `webhook`. Stored encrypted and never "
        "returned. Left out when you edit: the address stays.",
    )
    enabled = Flag(required=False)
    sends_resolved = Flag(required=False)
    link_acts = Flag(required=False)
    everything = Flag(
        required=False, help_text="Gets the alerts of all rules, not only of `rules` and `owners`."
    )
    least_severity = serializers.ChoiceField(choices=Severity.choices, required=False)
    rules = serializers.PrimaryKeyRelatedField(
        many=True, required=False, queryset=AlertRule.objects.all()
    )
    owners = serializers.PrimaryKeyRelatedField(
        many=True, required=False, queryset=AlertOwner.objects.all()
    )

    class Meta:
        ref_name = "AlertChannelWrite"


class ChannelTestRead(serializers.Serializer[Any]):
    """How a test message went."""

    sent = serializers.BooleanField()
    why = serializers.CharField(help_text="Why it wasn't sent; else empty.")
    took_ms = serializers.IntegerField()

    class Meta:
        ref_name = "AlertChannelTest"


class AlertChannelFilters(django_filters.FilterSet):
    name = TextFilter(help_text="The exact name.")
    kind = django_filters.ChoiceFilter(choices=ChannelKind.choices)
    enabled = FlagFilter()

    class Meta:
        model = AlertChannel
        fields: tuple[str, ...] = ()


class AlertChannelsView(ListModelMixin, ApiView):
    """Channels to which messages of alerts go."""

    nouns = ("alert channels", "alert channel")
    serializer_class = AlertChannelRead
    filterset_class = AlertChannelFilters
    ordering_fields = {name: name for name in ("id", "name", "kind")}
    ordering = ("name",)
    console_permissions = {
        **dict.fromkeys(("list", "retrieve"), Permission.ALERTS_VIEW),
        **dict.fromkeys(("create", "partial_update", "destroy", "test"), Permission.ALERTS_EDIT),
    }

    def get_queryset(self) -> QuerySet[AlertChannel]:
        return AlertChannel.objects.defer("url_encrypted").prefetch_related("rules", "owners")

    def get_throttles(self) -> list[BaseThrottle]:
        probes = [PerUserProbes()] if self.action == "test" else []
        return [*super().get_throttles(), *probes]

    @extend_schema(responses=AlertChannelRead, parameters=[ETAG], filters=False)
    def retrieve(self, request: Request, pk: str) -> Response:
        """Get a channel."""
        return self._answer(self._found(pk))

    @extend_schema(request=AlertChannelWrite, responses={201: OpenApiResponse(AlertChannelRead)})
    def create(self, request: Request) -> Response:
        """Create a channel. It serves all brokers, so this needs `alerts:edit` on all of them."""
        require_channels(request.user)
        given = sent(AlertChannelWrite, request, self.body())
        settings = _settings(ChannelSettings(given["name"], given["kind"], {}), given)
        answer = self._answer(add_channel(settings, acting_user=request.user), status=201)
        answer["Location"] = self.reverse_action("detail", args=[answer.data["id"]])
        return answer

    @extend_schema(
        request=AlertChannelWrite, responses=AlertChannelRead, parameters=[IF_MATCH], filters=False
    )
    @also_answers("412")
    def partial_update(self, request: Request, pk: str) -> Response:
        """Edit a channel. Fields you leave out keep their values."""
        found = self._found(pk)
        require_channels(request.user)
        given = sent(AlertChannelWrite, request, self.body(), partial=True)
        settings = _settings(_stored(found), given)
        edited = edit_channel(
            found, settings, acting_user=request.user,
            expected_generation=expected_generation(request),
        )  # fmt: skip
        return self._answer(edited)

    @extend_schema(responses={204: None}, filters=False)
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a channel. Messages that wait for it are given up."""
        delete_channel(self._found(pk), acting_user=request.user)
        return Response(status=204)

    @extend_schema(request=None, responses=ChannelTestRead, filters=False)
    @also_answers("409")
    @action(methods=["post"], detail=True, url_path="test", pagination_class=None)
    def test(self, request: Request, pk: str) -> Response:
        """Send a test message now and return how it went."""
        return Response(
            ChannelTestRead(test_channel(self._found(pk), acting_user=request.user)).data
        )

    def _found(self, pk: str) -> AlertChannel:
        found = self.get_queryset().filter(pk=int(pk)).first()
        if found is None:
            raise Http404
        return found

    def _answer(self, channel: AlertChannel, status: int = 200) -> Response:
        data = AlertChannelRead(self._found(str(channel.pk))).data
        return Response(data, status=status, headers={"ETag": f'"{data["generation"]}"'})


def _stored(channel: AlertChannel) -> ChannelSettings:
    return ChannelSettings(
        channel.name, channel.kind, {}, enabled=channel.enabled, sends_resolved=channel.sends_resolved,
        link_acts=channel.link_acts, everything=channel.everything, least_severity=channel.least_severity,
        rules=tuple(channel.rules.all()), owners=tuple(channel.owners.all()),
    )  # fmt: skip


def _settings(base: ChannelSettings, given: dict[str, Any]) -> ChannelSettings:
    named = {name: value for name, value in given.items() if name != "address"}
    return replace(base, **named, values=given.get("address", {}))
