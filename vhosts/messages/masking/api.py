"""Masking rules in the API."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accessctl import globs
from accessctl.grants.roles import Role
from accessctl.rights import Permission
from console.faces.rest.drawn.changing import BrokerField
from console.faces.rest.fields import StrictSerializer, Text
from console.faces.rest.views import ApiView
from vhosts.messages.masking.service import (
    RuleSettings,
    add_rule,
    change_rule,
    delete_rule,
    seen_by,
)
from vhosts.models import MaskingRule

_ROLES = [role.value for role in Role]


class MaskingRuleRead(serializers.Serializer[Any]):
    """A rule that hides a header or a part of bodies from readers."""

    id = serializers.IntegerField()
    broker = serializers.IntegerField(
        source="broker_id", allow_null=True, help_text="The broker's ID. Null: all brokers."
    )
    vhost_pattern = serializers.CharField()
    roles = serializers.ListField(
        child=serializers.CharField(), help_text="Empty: everybody, superusers too."
    )
    subject = serializers.CharField()
    target = serializers.CharField()
    action = serializers.CharField()
    replacement = serializers.CharField()
    reason = serializers.CharField()
    created_at = serializers.DateTimeField()
    author = serializers.CharField(source="author_name")

    class Meta:
        ref_name = "MaskingRule"


class MaskingRuleWrite(StrictSerializer):
    subject = serializers.ChoiceField(
        choices=MaskingRule.Subject.values, help_text="What the rule hides."
    )
    target = Text(
        max_length=500,
        help_text="A header's name, in which * stands for any characters, or a JSON path: "
        "`$.card.number`, `$..iban`, `$` for whole bodies.",
    )
    action = serializers.ChoiceField(
        choices=MaskingRule.Action.values, help_text="`mask` shows ***, `replace` your text."
    )
    replacement = Text(required=False, allow_blank=True, max_length=200)
    broker = BrokerField(required=False, help_text="A broker's ID or name. Default: all brokers.")
    vhost_pattern = Text(
        required=False, max_length=255, help_text="* stands for any characters. Default: all."
    )
    roles = serializers.ListField(
        child=serializers.ChoiceField(choices=_ROLES), required=False,
        help_text="Readers with one of these roles. Default: everybody, superusers too.",
    )  # fmt: skip
    reason = Text(required=False, allow_blank=True, max_length=500)

    class Meta:
        ref_name = "MaskingRuleNew"


class MaskingRulesView(ListModelMixin, RetrieveModelMixin, ApiView):
    """Masking rules."""

    nouns = ("masking rules", "masking rule")
    serializer_class = MaskingRuleRead
    ordering_fields = {"id": "id", "target": "target"}
    ordering = ("target",)
    console_permissions = {
        "list": Permission.GRANTS_VIEW,
        "retrieve": Permission.GRANTS_VIEW,
        "create": Permission.GRANTS_EDIT,
        "update": Permission.GRANTS_EDIT,
        "destroy": Permission.GRANTS_EDIT,
    }

    def get_queryset(self) -> QuerySet[MaskingRule]:
        return seen_by(self.request.user)

    @extend_schema(
        summary="Create a masking rule",
        request=MaskingRuleWrite,
        responses={201: MaskingRuleRead},
    )
    def create(self, request: Request) -> Response:
        """Create a rule. It applies from the next request on."""
        made = add_rule(self._settings(request), now=timezone.now(), acting_user=request.user)
        return Response(MaskingRuleRead(made).data, status=201)

    @extend_schema(
        summary="Replace a masking rule",
        request=MaskingRuleWrite,
        responses={200: MaskingRuleRead},
    )
    def update(self, request: Request, pk: str) -> Response:
        """Replace all settings of a rule. A rule that applies to you is changed by others."""
        changed = change_rule(int(pk), self._settings(request), acting_user=request.user)
        return Response(MaskingRuleRead(changed).data)

    @extend_schema(summary="Delete a masking rule", request=None, responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a rule. What it hid is shown from now on."""
        delete_rule(int(pk), acting_user=request.user)
        return Response(status=204)

    def _settings(self, request: Request) -> RuleSettings:
        body = MaskingRuleWrite(data=self.body(), context={"request": request})
        body.is_valid(raise_exception=True)
        given = body.validated_data
        return RuleSettings(
            broker=given.get("broker"),
            vhost_pattern=given.get("vhost_pattern", globs.EVERYTHING),
            roles=tuple(given.get("roles", ())),
            subject=given["subject"],
            target=given["target"],
            action=given["action"],
            replacement=given.get("replacement", ""),
            reason=given.get("reason", ""),
        )
