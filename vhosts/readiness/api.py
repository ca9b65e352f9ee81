"""Upgrade readiness in the API."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin

from accessctl.rights import Permission
from console.faces.rest.filters import BrokerFilter
from console.faces.rest.views import ApiView
from console.models import Broker
from vhosts.diagnosis.api import SubjectRead
from vhosts.models import Queue
from vhosts.readiness.judge import judge
from vhosts.readiness.releases import TARGETS
from vhosts.readiness.views import MOST_BROKERS

_TARGETS = [(one, one) for one in TARGETS]
_VERDICTS = [(one, one) for one in ("blocked", "unknown", "ready", "there")]


class ItemRead(serializers.Serializer[Any]):
    """One thing to know. It names at most 10 of `count` objects."""

    sentence = serializers.CharField()
    advice = serializers.CharField()
    count = serializers.IntegerField()
    subjects = SubjectRead(many=True)

    class Meta:
        ref_name = "ReadinessItem"


class ReadinessRead(serializers.Serializer[Any]):
    """What stands between a broker and a release series."""

    broker = serializers.IntegerField(source="broker.pk", help_text="The broker's ID.")
    broker_name = serializers.CharField(source="broker.name")
    version = serializers.CharField(help_text="The version that runs; empty if it is unknown.")
    target = serializers.CharField()
    verdict = serializers.ChoiceField(choices=_VERDICTS)
    steps = serializers.ListField(
        child=serializers.CharField(), allow_null=True,
        help_text="Series to upgrade to one after the other. Null: no way is known.",
    )  # fmt: skip
    at = serializers.DateTimeField(allow_null=True, help_text="When the objects were read.")
    blocks = ItemRead(many=True)
    changes = ItemRead(many=True)
    unknown = ItemRead(many=True)

    class Meta:
        ref_name = "Readiness"


class ReadinessFilters(django_filters.FilterSet):
    """The answers aren't rows: `filter_queryset` computes them."""

    broker = BrokerFilter()
    to = django_filters.ChoiceFilter(
        choices=_TARGETS, help_text=f"The release series. Default: {TARGETS[-1]}."
    )

    class Meta:
        model = Queue
        fields: list[str] = []

    def filter_queryset(self, queryset: QuerySet[Any]) -> Any:
        asked, user = self.form.cleaned_data, self.request.user
        brokers = Broker.objects.visible_to(user).filter(enabled=True).select_related("status")
        value = asked["broker"]
        if value:
            is_id = value.isascii() and value.isdecimal() and len(value) <= 18
            brokers = brokers.filter(**({"pk": int(value)} if is_id else {"name": value}))
            if not brokers:
                raise serializers.ValidationError({"broker": ["Broker not found. Send its ID or name."]})  # fmt: skip
        found = list(brokers.order_by("name")[:MOST_BROKERS])
        return judge(found, asked["to"] or TARGETS[-1], user, timezone.now())


@extend_schema_view(list=extend_schema(summary="Judge brokers by a later version of RabbitMQ"))
class ReadinessView(ListModelMixin, ApiView):
    """Upgrade readiness of brokers, from stored observations. No broker is called."""

    nouns = ("answers", "answer")
    serializer_class = ReadinessRead
    filterset_class = ReadinessFilters
    filter_backends = (django_filters.rest_framework.DjangoFilterBackend,)
    console_permissions = {"list": Permission.BROKERS_VIEW}

    def get_queryset(self) -> QuerySet[Any]:
        return Queue.objects.none()
