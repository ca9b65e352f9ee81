"""Findings in the API."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accessctl.rights import Permission
from console.faces.rest.drawn.changing import BrokerField
from console.faces.rest.fields import StrictSerializer, Text
from console.faces.rest.filters import BrokerFilter, TextFilter
from console.faces.rest.views import ApiView
from console.models import Broker
from console.scope import Scope
from vhosts.diagnosis.diagnose import diagnose
from vhosts.diagnosis.finding import Finding, Harm
from vhosts.diagnosis.ignore import MOST_REASON, ignore, ignored_by, stop_ignoring
from vhosts.diagnosis.rules import RULES
from vhosts.models import Queue

_HARMS = [(one.value, one.value) for one in Harm]
_RULES = [(one.name, one.title) for one in RULES]


class SubjectRead(serializers.Serializer[Any]):
    name = serializers.CharField()
    url = serializers.CharField(help_text="Path of its page in the console; empty for none.")
    evidence = serializers.CharField()

    class Meta:
        ref_name = "FindingSubject"


class FixRead(serializers.Serializer[Any]):
    label = serializers.CharField()  # type: ignore[assignment]
    url = serializers.CharField(help_text="Path of a form or preview in the console.")

    class Meta:
        ref_name = "FindingFix"


class FindingRead(serializers.Serializer[Any]):
    """What a rule found in one virtual host or broker. It names at most 10 of `count` objects."""

    id = serializers.CharField()
    rule = serializers.CharField(source="rule.name")
    title = serializers.CharField(source="rule.title")
    harm = serializers.ChoiceField(choices=_HARMS, source="rule.harm")
    why = serializers.CharField(source="rule.why", help_text="Why it matters.")
    broker = serializers.IntegerField(source="broker.pk", help_text="The broker's ID.")
    broker_name = serializers.CharField(source="broker.name")
    vhost = serializers.SerializerMethodField(help_text="Null for the whole broker.")
    sentence = serializers.CharField()
    evidence = serializers.CharField()
    at = serializers.DateTimeField(allow_null=True, help_text="When the evidence was read.")
    count = serializers.IntegerField()
    subjects = SubjectRead(many=True)
    fixes = FixRead(many=True)
    ignored_subjects = serializers.IntegerField()
    ignored = serializers.SerializerMethodField(help_text="The reason; null if it isn't ignored.")

    class Meta:
        ref_name = "DiagnosisFinding"

    def get_vhost(self, row: Finding) -> str | None:
        return row.vhost or None

    def get_ignored(self, row: Finding) -> str | None:
        return row.ignored.reason if row.ignored else None


class UnjudgedRead(serializers.Serializer[Any]):
    rule = serializers.CharField(source="rule.name")
    broker = serializers.IntegerField(source="broker.pk", help_text="The broker's ID.")
    broker_name = serializers.CharField(source="broker.name")
    why = serializers.CharField()

    class Meta:
        ref_name = "FindingUnjudged"


class IgnoredRead(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    rule = serializers.CharField()
    broker = serializers.IntegerField(source="broker_id", help_text="The broker's ID.")
    vhost = serializers.CharField(help_text="Empty for the whole broker.")
    name = serializers.CharField(help_text="Empty for all objects.")
    reason = serializers.CharField()
    at = serializers.DateTimeField()
    author = serializers.CharField(source="author_name")

    class Meta:
        ref_name = "IgnoredFinding"


class IgnoreNew(StrictSerializer):
    broker = BrokerField(help_text="A broker's ID or name.")
    rule = serializers.ChoiceField(choices=_RULES)
    vhost = Text(required=False, allow_blank=True, max_length=255, help_text="Empty for the whole broker.")  # fmt: skip
    name = Text(required=False, allow_blank=True, max_length=255, help_text="Empty for all objects.")  # fmt: skip
    reason = Text(max_length=MOST_REASON)

    class Meta:
        ref_name = "IgnoreNew"


class FindingFilters(django_filters.FilterSet):
    """The findings aren't rows: `filter_queryset` computes them."""

    broker = BrokerFilter()
    vhost = TextFilter(help_text="The exact name of the virtual host.")
    harm = django_filters.ChoiceFilter(choices=_HARMS)
    rule = django_filters.ChoiceFilter(choices=_RULES)
    ignored = django_filters.ChoiceFilter(
        choices=[("true", "true"), ("false", "false")],
        help_text="true: only those that are ignored. Default: the others.",
    )

    class Meta:
        model = Queue
        fields: list[str] = []

    def filter_queryset(self, queryset: QuerySet[Any]) -> Any:
        asked, user = self.form.cleaned_data, self.request.user
        broker = _broker(self, asked["broker"]) if asked["broker"] else None
        scope = Scope(broker=broker, vhost=asked["vhost"] or None)
        found = diagnose(scope, user, timezone.now(), rule=asked["rule"] or "")
        rows = found.ignored if asked["ignored"] == "true" else found.findings
        return [one for one in rows if not asked["harm"] or one.rule.harm == asked["harm"]]


def _broker(filters: FindingFilters, value: str) -> Broker:
    visible = Broker.objects.visible_to(filters.request.user).select_related("status")
    named = {"pk": int(value)} if value.isascii() and value.isdecimal() and len(value) <= 18 else {"name": value}  # fmt: skip
    found = visible.filter(**named).first()
    if found is None:
        raise serializers.ValidationError({"broker": ["Broker not found. Send its ID or name."]})
    return found


class FindingsView(ListModelMixin, ApiView):
    """What diagnosis finds on brokers, from stored observations. No broker is called."""

    nouns = ("findings", "finding")
    serializer_class = FindingRead
    filterset_class = FindingFilters
    filter_backends = (django_filters.rest_framework.DjangoFilterBackend,)
    console_permissions = {
        "list": Permission.BROKERS_VIEW,
        "unjudged": Permission.BROKERS_VIEW,
        "ignored": Permission.BROKERS_VIEW,
        "ignore": Permission.BROKERS_EDIT,
        "heed": Permission.BROKERS_EDIT,
    }
    query_parameters = {"unjudged": frozenset(), "ignored": frozenset()}

    def get_queryset(self) -> QuerySet[Any]:
        return Queue.objects.none()

    @extend_schema(
        summary="List rules that couldn't be applied", responses=UnjudgedRead(many=True), filters=False
    )  # fmt: skip
    @action(detail=False, url_path="unjudged", pagination_class=None, filter_backends=())
    def unjudged(self, request: Request) -> Response:
        """List the rules that couldn't be applied to a broker, each with the reason."""
        found = diagnose(Scope(), request.user, timezone.now())
        return Response(UnjudgedRead(found.unjudged, many=True).data)

    @extend_schema(
        summary="List ignored findings", responses=IgnoredRead(many=True), filters=False
    )  # fmt: skip
    @action(detail=False, url_path="ignored", pagination_class=None, filter_backends=())
    def ignored(self, request: Request) -> Response:
        """List what was ignored, with the reasons; at most 1,000, newest first."""
        return Response(IgnoredRead(ignored_by(request.user)[:1000], many=True).data)

    @extend_schema(summary="Ignore a finding", request=IgnoreNew, responses={201: IgnoredRead})
    @action(
        methods=["post"], detail=False, url_path="ignore", pagination_class=None, filter_backends=()
    )  # fmt: skip
    def ignore(self, request: Request) -> Response:
        """Ignore a rule's findings in one virtual host or broker, for all objects or for one."""
        body = IgnoreNew(data=self.body(), context={"request": request})
        body.is_valid(raise_exception=True)
        given = body.validated_data
        row = ignore(
            given["broker"], given["rule"], given.get("vhost", ""), given.get("name", ""),
            given["reason"], acting_user=request.user, now=timezone.now(),
        )  # fmt: skip
        return Response(IgnoredRead(row).data, status=201)

    @extend_schema(summary="Stop ignoring a finding", request=None, responses={204: None})
    @action(
        methods=["delete"], detail=False, url_path="ignored/(?P<ignored_id>[0-9]{1,18})",
        pagination_class=None, filter_backends=(),
    )  # fmt: skip
    def heed(self, request: Request, ignored_id: str) -> Response:
        """Stop ignoring a finding. `ignored_id` is from the list of ignored findings."""
        stop_ignoring(int(ignored_id), acting_user=request.user)
        return Response(status=204)
