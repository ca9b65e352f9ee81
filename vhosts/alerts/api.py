"""Alerts in the API."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import django_filters
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accessctl.rights import Permission
from console.errors import NotAllowed
from console.faces.rest.drawn.changing import sent
from console.faces.rest.fields import StrictSerializer, Text
from console.faces.rest.filters import BrokerFilter, FlagFilter, TextFilter, parse_time
from console.faces.rest.schema import also_answers
from console.faces.rest.views import ApiView
from vhosts.alerts.acting import acknowledge, may_act_on, reopen, snooze
from vhosts.alerts.tables.choices import IncidentState, Severity, SubjectKind
from vhosts.models import AlertIncident


class AlertRead(serializers.ModelSerializer[AlertIncident]):
    """One time that a rule's condition held for one subject, from pending to resolved."""

    broker = serializers.IntegerField(
        source="broker_id", allow_null=True, help_text="The broker's ID; null: about the console."
    )
    rule = serializers.IntegerField(
        source="rule_id", allow_null=True, help_text="The rule's ID; null: it was deleted."
    )

    class Meta:
        model = AlertIncident
        ref_name = "Alert"
        fields = (
            "id", "rule", "rule_name", "severity", "broker", "subject_kind", "vhost", "name", "state",
            "state_since", "value", "threshold", "detail", "since", "fired_at", "resolved_at",
            "acknowledged_at", "acknowledged_by", "snoozed_until", "note", "muted",
        )  # fmt: skip


class AlertFilters(django_filters.FilterSet):
    broker = BrokerFilter()
    vhost = TextFilter(help_text="The exact name of the virtual host.")
    name = TextFilter(help_text="The exact name of the node, queue, exchange or object.")
    rule = django_filters.NumberFilter(field_name="rule_id", help_text="The rule's ID.")
    state = django_filters.ChoiceFilter(choices=IncidentState.choices)
    severity = django_filters.ChoiceFilter(choices=Severity.choices)
    subject_kind = django_filters.ChoiceFilter(choices=SubjectKind.choices)
    open = FlagFilter(
        method="by_open", help_text="`true`: those that aren't resolved; `false`: resolved ones."
    )

    class Meta:
        model = AlertIncident
        fields: tuple[str, ...] = ()

    def by_open(self, rows: QuerySet[Any], name: str, value: bool) -> QuerySet[Any]:
        return rows.filter(resolved_at__isnull=value)


class NoteWrite(StrictSerializer):
    note = Text(
        required=False,
        allow_blank=True,
        max_length=2000,
        help_text="Stored with the alert and in the audit log.",
    )

    class Meta:
        ref_name = "AlertNote"


class _TimeWithZone(serializers.DateTimeField):
    """A time of a request. Without a zone it could be any of 26 hours, so it is refused."""

    def to_internal_value(self, value: Any) -> datetime:
        try:
            return parse_time(value if isinstance(value, str) else "")
        except ValueError as error:
            raise serializers.ValidationError(str(error)) from None


class SnoozeWrite(NoteWrite):
    until = _TimeWithZone(help_text="ISO 8601, with zone; within 30 days.")

    class Meta:
        ref_name = "AlertSnooze"


class AlertsView(ListModelMixin, RetrieveModelMixin, ApiView):
    """What alert rules found, on brokers and in what is on them."""

    serializer_class = AlertRead
    filterset_class = AlertFilters
    ordering_fields = {
        name: name
        for name in ("id", "state", "severity", "since", "fired_at", "resolved_at", "name", "vhost")
    } | {"broker": "broker__name"}  # fmt: skip
    ordering = ("-id",)
    console_permissions = {
        "list": Permission.ALERTS_VIEW,
        "retrieve": Permission.ALERTS_VIEW,
        **dict.fromkeys(("acknowledge", "snooze", "reopen"), Permission.ALERTS_ACKNOWLEDGE),
    }

    def get_queryset(self) -> QuerySet[AlertIncident]:
        return AlertIncident.objects.visible_to(self.request.user).select_related("broker")

    @extend_schema(request=NoteWrite, responses=AlertRead)
    @also_answers("409")
    @action(methods=["post"], detail=True, url_path="acknowledge", pagination_class=None)
    def acknowledge(self, request: Request, pk: str) -> Response:
        """Acknowledge an alert: no reminders until it ends."""
        found = self._to_act_on()
        note = sent(NoteWrite, request, self.body(optional=True)).get("note", "")
        return _answer(acknowledge(found.pk, request.user, timezone.now(), note))

    @extend_schema(request=SnoozeWrite, responses=AlertRead)
    @also_answers("409")
    @action(methods=["post"], detail=True, url_path="snooze", pagination_class=None)
    def snooze(self, request: Request, pk: str) -> Response:
        """Snooze an alert until a time. If it still fires then, it is reported again."""
        found = self._to_act_on()
        body = sent(SnoozeWrite, request, self.body())
        note = body.get("note", "")
        return _answer(snooze(found.pk, body["until"], request.user, timezone.now(), note))

    @extend_schema(request=NoteWrite, responses=AlertRead)
    @also_answers("409")
    @action(methods=["post"], detail=True, url_path="reopen", pagination_class=None)
    def reopen(self, request: Request, pk: str) -> Response:
        """Withdraw an acknowledgement, or end a snooze."""
        found = self._to_act_on()
        note = sent(NoteWrite, request, self.body(optional=True)).get("note", "")
        return _answer(reopen(found.pk, request.user, timezone.now(), note))

    def _to_act_on(self) -> AlertIncident:
        found: AlertIncident = self.get_object()
        if not may_act_on(self.request.user, found):
            raise NotAllowed(
                f"You may not acknowledge this alert ({Permission.ALERTS_ACKNOWLEDGE}).",
                {"permission": str(Permission.ALERTS_ACKNOWLEDGE)},
            )
        return found


def _answer(incident: AlertIncident) -> Response:
    return Response(AlertRead(incident).data)
