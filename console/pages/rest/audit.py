"""The audit log in the API. Nothing here can change it."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin

from accessctl.rights import Permission
from accessctl.visibility.audit import audit_seen_by
from console.faces.rest.filters import TextFilter, TimeFilter
from console.faces.rest.views import ApiView
from console.models import AuditEntry


class AuditRead(serializers.Serializer[Any]):
    """An audit log entry. Names are copies and stay the same after the object is deleted."""

    id = serializers.IntegerField()
    at = serializers.DateTimeField()
    username = serializers.CharField()
    action = serializers.CharField(help_text="Such as `vhost:create`.")
    kind = serializers.CharField(source="target_kind")
    target = serializers.CharField()
    broker = serializers.IntegerField(source="broker_id_then", allow_null=True)
    broker_name = serializers.CharField()
    address = serializers.CharField(allow_null=True)
    user_agent = serializers.CharField()
    request_id = serializers.CharField()
    change = serializers.UUIDField(source="change_id_then", allow_null=True)
    reason = serializers.CharField()
    before = serializers.JSONField(allow_null=True)
    after = serializers.JSONField(allow_null=True)

    class Meta:
        ref_name = "AuditEntry"


class AuditFilters(django_filters.FilterSet):
    broker = TextFilter(field_name="broker_name", help_text="The broker's name at that time.")
    username = TextFilter(help_text="The exact name of the account.")
    action = TextFilter(help_text="Such as `vhost:delete`.")
    kind = TextFilter(field_name="target_kind", help_text="Such as `vhost`.")
    change = django_filters.UUIDFilter(field_name="change_id_then", help_text="The ID of a change.")
    search = TextFilter(field_name="target", lookup_expr="icontains", help_text="Part of the object's name.")  # fmt: skip

    class Meta:
        model = AuditEntry
        fields: list[str] = []


# `from` is a Python keyword, so these two can't be written as attributes.
AuditFilters.base_filters["from"] = TimeFilter(
    field_name="at",
    lookup_expr="gte",
    help_text="Entries at or after this time (ISO 8601, with zone).",
)
AuditFilters.base_filters["to"] = TimeFilter(
    field_name="at", lookup_expr="lt", help_text="Entries before this time (ISO 8601, with zone)."
)


class AuditView(ListModelMixin, RetrieveModelMixin, ApiView):
    """The audit log: who did what, newest first."""

    nouns = ("audit log entries", "audit log entry")
    serializer_class = AuditRead
    filterset_class = AuditFilters
    ordering_fields = {"at": "at", "id": "id", "username": "username", "action": "action"}
    ordering = ("-id",)
    console_permissions = {"list": Permission.AUDIT_VIEW, "retrieve": Permission.AUDIT_VIEW}

    def get_queryset(self) -> QuerySet[AuditEntry]:
        return audit_seen_by(self.request.user)
