"""Alert rules in the API, and all of them as a file."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from drf_spectacular.utils import extend_schema_field as field_as
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accessctl.rights import Permission
from console.errors import NotThere
from console.faces.rest.drawn.changing import ETAG, IF_MATCH, BrokerField, expected_generation, sent
from console.faces.rest.fields import Flag, Number, StrictSerializer, Text
from console.faces.rest.filters import FlagFilter, TextFilter
from console.faces.rest.parsers import StrictJSONParser
from console.faces.rest.schema import also_answers
from console.faces.rest.views import ApiView
from console.models import Broker, Environment
from vhosts.alerts.edit.rules import create_rule, delete_rule, edit_rule, restore_standard
from vhosts.alerts.file.rules import Row, apply_rules, plan_rules, rules_content
from vhosts.alerts.tables.choices import MessageType, Severity
from vhosts.alerts.types.registry import TYPES
from vhosts.models import AlertRule

_FIELDS = (
    "name", "description", "type", "threshold", "clear_threshold", "for_s", "keep_s", "reminder_s", "severity",
    "environment", "vhost_pattern", "queue_pattern", "message_type", "parameters", "enabled",
)  # fmt: skip


class AlertRuleRead(serializers.ModelSerializer[AlertRule]):
    """A condition on brokers or what is in them, and how long it must hold."""

    brokers = serializers.SerializerMethodField(
        help_text="IDs of its brokers that you can see; none, and `other_brokers` 0: all of the environment."
    )
    other_brokers = serializers.SerializerMethodField(
        help_text="How many brokers it has that you can't see."
    )
    standard = serializers.CharField(
        source="standard_key", allow_null=True, help_text="The key of a standard rule; else null."
    )

    class Meta:
        model = AlertRule
        ref_name = "AlertRule"
        fields = (
            "id", *_FIELDS, "brokers", "other_brokers", "standard", "generation", "created_at",
            "updated_at", "broken_at", "broken_text",
        )  # fmt: skip

    @field_as(serializers.ListField(child=serializers.IntegerField()))
    def get_brokers(self, rule: AlertRule) -> list[int]:
        return sorted(one.pk for one in rule.brokers.all() if one.pk in self.context["visible"])

    @field_as(serializers.IntegerField())
    def get_other_brokers(self, rule: AlertRule) -> int:
        return sum(one.pk not in self.context["visible"] for one in rule.brokers.all())


@field_as(OpenApiTypes.OBJECT)
class _Parameters(serializers.JSONField):
    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, dict):
            raise ValidationError("Send a JSON object.", "invalid")
        return data


class _Figure(serializers.FloatField):
    """A number; not a text of one, as the framework's field would take."""

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool) or not isinstance(data, int | float):
            self.fail("invalid")
        return super().to_internal_value(data)


class AlertRuleWrite(StrictSerializer):
    name = Text(max_length=200)
    type = serializers.ChoiceField(choices=sorted(TYPES))
    description = Text(required=False, allow_blank=True)
    threshold = _Figure(required=False, allow_null=True)
    clear_threshold = _Figure(required=False, allow_null=True)
    for_s = Number(required=False, help_text="Seconds that it must hold before it fires.")
    keep_s = Number(required=False, help_text="Seconds that it must be over before it resolves.")
    reminder_s = Number(required=False, help_text="Seconds between reminders; 0: none.")
    severity = serializers.ChoiceField(choices=Severity.choices, required=False)
    environment = serializers.ChoiceField(
        choices=Environment.choices, required=False, allow_blank=True
    )
    brokers = serializers.ListField(
        child=BrokerField(),
        required=False,
        max_length=1000,
        help_text="IDs or names. None: all of the environment, also later ones.",
    )
    vhost_pattern = Text(required=False, help_text="`*` matches any characters.")
    queue_pattern = Text(required=False, help_text="Of names of queues or exchanges.")
    message_type = serializers.ChoiceField(choices=MessageType.choices, required=False)
    parameters = _Parameters(required=False, help_text="What only rules of this type have.")
    enabled = Flag(required=False)

    class Meta:
        ref_name = "AlertRuleWrite"


class _Anything(serializers.JSONField):
    pass


class FieldChangeRead(serializers.Serializer[Any]):
    field = serializers.CharField()
    before = _Anything(allow_null=True)
    after = _Anything(allow_null=True)

    class Meta:
        ref_name = "AlertRuleFieldChange"


class FileRowRead(serializers.Serializer[Any]):
    """What the file does to one rule."""

    name = serializers.CharField()
    act = serializers.ChoiceField(choices=["create", "update", "unchanged"])
    changes = FieldChangeRead(many=True)

    class Meta:
        ref_name = "AlertRuleFileRow"


class FilePlanRead(serializers.Serializer[Any]):
    applied = serializers.BooleanField(help_text="false with `dry_run`.")
    rules = FileRowRead(many=True)

    class Meta:
        ref_name = "AlertRuleFilePlan"


class FileContent(serializers.Serializer[Any]):
    """All rules; the same as in a YAML file of `manage.py alerts`."""

    version = serializers.IntegerField()
    rules = serializers.ListField(child=serializers.DictField())

    class Meta:
        ref_name = "AlertRuleFile"


class AlertRuleFilters(django_filters.FilterSet):
    name = TextFilter(help_text="The exact name.")
    search = TextFilter(field_name="name", lookup_expr="icontains", help_text="Part of the name.")
    type = django_filters.ChoiceFilter(choices=[(key, one.label) for key, one in TYPES.items()])
    severity = django_filters.ChoiceFilter(choices=Severity.choices)
    enabled = FlagFilter()

    class Meta:
        model = AlertRule
        fields: tuple[str, ...] = ()


class AlertRulesView(ListModelMixin, ApiView):
    """Alert rules, standard ones included."""

    nouns = ("alert rules", "alert rule")
    serializer_class = AlertRuleRead
    filterset_class = AlertRuleFilters
    ordering_fields = {name: name for name in ("id", "name", "type", "severity", "enabled")}
    ordering = ("name",)
    parser_classes = (StrictJSONParser,)
    most_body = 1_000_000
    console_permissions = {
        **dict.fromkeys(("list", "retrieve", "file"), Permission.ALERTS_VIEW),
        **dict.fromkeys(
            ("create", "partial_update", "destroy", "restore", "apply_file"),
            Permission.ALERTS_EDIT,
        ),
    }
    query_parameters = {"apply_file": frozenset({"dry_run"})}

    def get_queryset(self) -> QuerySet[AlertRule]:
        return AlertRule.objects.prefetch_related("brokers")

    def get_serializer_context(self) -> dict[str, Any]:
        visible = Broker.objects.visible_to(self.request.user).order_by()
        return {
            **super().get_serializer_context(),
            "visible": set(visible.values_list("pk", flat=True)),
        }

    @extend_schema(responses=AlertRuleRead, parameters=[ETAG], filters=False)
    def retrieve(self, request: Request, pk: str) -> Response:
        """Get an alert rule."""
        return self._answer(self._found(pk))

    @extend_schema(request=AlertRuleWrite, responses={201: OpenApiResponse(AlertRuleRead)})
    @also_answers("409")
    def create(self, request: Request) -> Response:
        """Create an alert rule. Your grants must cover all that it concerns."""
        given = sent(AlertRuleWrite, request, self.body())
        brokers = given.pop("brokers", [])
        answer = self._answer(create_rule(given, brokers, request.user), status=201)
        answer["Location"] = self.reverse_action("detail", args=[answer.data["id"]])
        return answer

    @extend_schema(
        request=AlertRuleWrite, responses=AlertRuleRead, parameters=[IF_MATCH], filters=False
    )
    @also_answers("409", "412")
    def partial_update(self, request: Request, pk: str) -> Response:
        """Edit an alert rule. Fields you leave out keep their values; `brokers` replaces all of them."""
        rule = self._found(pk)
        given = sent(AlertRuleWrite, request, self.body(), partial=True)
        brokers = given.pop("brokers", None)
        edited = edit_rule(
            rule.pk, given, brokers, request.user, timezone.now(),
            generation=expected_generation(request),
        )  # fmt: skip
        return self._answer(edited)

    @extend_schema(responses={204: None}, filters=False)
    @also_answers("409")
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete an alert rule. Its open alerts end. Standard rules can only be switched off."""
        delete_rule(self._found(pk).pk, request.user, timezone.now())
        return Response(status=204)

    @extend_schema(request=None, responses=AlertRuleRead, filters=False)
    @also_answers("409")
    @action(methods=["post"], detail=True, url_path="restore", pagination_class=None)
    def restore(self, request: Request, pk: str) -> Response:
        """Give a standard rule its original fields. Its brokers, and whether it is on, stay."""
        return self._answer(restore_standard(self._found(pk).pk, request.user, timezone.now()))

    @extend_schema(
        operation_id="alert_rules_file", responses=OpenApiResponse(FileContent), filters=False
    )
    @action(methods=["get"], detail=False, url_path="file", pagination_class=None)
    def file(self, request: Request) -> Response:
        """Export all rules as a file. Rules of brokers that you can't see are left out."""
        return Response(rules_content(request.user))

    @extend_schema(
        operation_id="alert_rules_apply_file",
        request=FileContent,
        responses=OpenApiResponse(FilePlanRead),
        parameters=[
            OpenApiParameter(
                "dry_run", OpenApiTypes.BOOL, description="`true`: return the plan only."
            )
        ],
        filters=False,
    )
    @also_answers("409")
    @file.mapping.post
    def apply_file(self, request: Request) -> Response:
        """Apply a file of rules, all of it or nothing. Rules that it doesn't name stay; nothing is deleted."""
        text = request.query_params.get("dry_run", "false")
        if text not in ("true", "false"):
            raise ValidationError({"dry_run": ["dry_run must be true or false."]})
        body = self.body()
        if text == "true":
            rows = plan_rules(body, request.user)
        else:
            rows = apply_rules(body, request.user, timezone.now())
        return Response({"applied": text == "false", "rules": [_row(one) for one in rows]})

    def _found(self, pk: str) -> AlertRule:
        found = self.get_queryset().filter(pk=int(pk)).first()
        if found is None:
            raise Http404
        return found

    def _answer(self, rule: AlertRule, status: int = 200) -> Response:
        found = self.get_queryset().filter(pk=rule.pk).first()
        if found is None:
            raise NotThere("Somebody else deleted this rule meanwhile.")
        data = self.get_serializer(found).data
        return Response(data, status=status, headers={"ETag": f'"{found.generation}"'})


def _row(row: Row) -> dict[str, Any]:
    changes = [{"field": name, "before": old, "after": new} for name, old, new in row.changes]
    return {"name": row.name, "act": row.act, "changes": changes}
