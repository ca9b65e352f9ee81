from __future__ import annotations

from typing import Any, TypeVar, cast

import django_filters
from django.contrib.auth.models import AbstractBaseUser, Group, User
from django.db.models import Model, QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accessctl.globs import EVERYTHING
from accessctl.grants.roles import Role
from accessctl.grants.service import GrantSettings, give_grant, take_grant
from accessctl.models import Grant
from accessctl.rights import Permission
from console.errors import InvalidField
from console.faces.rest.fields import Flag, Number, StrictSerializer, Text
from console.faces.rest.filters import BrokerFilter, TextFilter
from console.faces.rest.views import ApiView
from console.models import Broker, Environment

_Row = TypeVar("_Row", bound=Model)


class GrantRead(serializers.Serializer[Any]):
    """The permissions of a user or group, and where they apply."""

    id = serializers.IntegerField()
    user = serializers.CharField(source="user.username", default=None, allow_null=True)
    group = serializers.CharField(source="group.name", default=None, allow_null=True)
    role = serializers.ChoiceField(choices=Role.choices)
    broker = serializers.IntegerField(source="broker_id", allow_null=True)
    broker_name = serializers.CharField(source="broker.name", default=None, allow_null=True)
    environment = serializers.CharField(help_text="Empty: all environments.")
    vhost_pattern = serializers.CharField(help_text="* matches any characters.")
    reads_messages = serializers.BooleanField()
    permissions = serializers.SerializerMethodField(help_text="The permissions of the role.")
    created_at = serializers.DateTimeField()

    class Meta:
        ref_name = "Grant"

    def get_permissions(self, grant: Grant) -> list[str]:
        return sorted(grant.permissions)


class GrantWrite(StrictSerializer):
    user = Text(
        required=False,
        allow_null=True,
        max_length=150,
        help_text="A username. Send this or `group`.",
    )
    group = Text(
        required=False,
        allow_null=True,
        max_length=150,
        help_text="A group name. Send this or `user`.",
    )
    role = serializers.ChoiceField(choices=Role.choices)
    broker = Number(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=2**63 - 1,
        help_text="If you send neither broker nor environment, the grant applies to all brokers.",
    )
    environment = serializers.ChoiceField(choices=Environment.choices, required=False)
    vhost_pattern = Text(default=EVERYTHING, allow_blank=True, max_length=255)
    reads_messages = Flag(default=False)

    class Meta:
        ref_name = "GrantRequest"


class GrantFilters(django_filters.FilterSet):
    broker = BrokerFilter()
    user = TextFilter(field_name="user__username", help_text="The exact username.")
    group = TextFilter(field_name="group__name", help_text="The exact name of the group.")
    role = django_filters.ChoiceFilter(choices=Role.choices)

    class Meta:
        model = Grant
        fields: list[str] = []


class GrantsView(ListModelMixin, RetrieveModelMixin, ApiView):
    """Grants: who can do what in the console, and where."""

    serializer_class = GrantRead
    filterset_class = GrantFilters
    ordering_fields = {"id": "id", "role": "role", "created_at": "created_at"}
    ordering = ("id",)
    console_permissions = {
        "list": Permission.GRANTS_VIEW,
        "retrieve": Permission.GRANTS_VIEW,
        "create": Permission.GRANTS_EDIT,
        "destroy": Permission.GRANTS_EDIT,
    }

    def get_queryset(self) -> QuerySet[Grant]:
        visible = Grant.objects.visible_to(self.request.user)
        return visible.select_related("user", "group", "broker")

    @extend_schema(request=GrantWrite, responses={201: OpenApiResponse(GrantRead)})
    def create(self, request: Request) -> Response:
        """Create a grant. You can only grant permissions that you have."""
        sent = GrantWrite(data=self.body())
        sent.is_valid(raise_exception=True)
        asked: dict[str, Any] = sent.validated_data
        brokers = Broker.objects.visible_to(request.user)
        grant = give_grant(
            GrantSettings(
                user=_named(User.objects.all(), "user", "username", asked.get("user")),
                group=_named(Group.objects.all(), "group", "name", asked.get("group")),
                role=asked["role"],
                broker=_named(brokers, "broker", "pk", asked.get("broker")),
                environment=asked.get("environment", ""),
                vhost_pattern=asked["vhost_pattern"],
                reads_messages=asked["reads_messages"],
            ),
            now=timezone.now(),
            acting_user=cast(AbstractBaseUser, request.user),
        )
        return Response(GrantRead(grant).data, status=201)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a grant. It stops applying with the next request."""
        take_grant(self.get_object(), acting_user=cast(AbstractBaseUser, request.user))
        return Response(status=204)


def _named(rows: QuerySet[_Row], field: str, column: str, value: Any) -> _Row | None:
    if value is None:
        return None
    found = rows.filter(**{column: value}).first()
    if found is None:
        raise InvalidField(field, f"Unknown {field}.")
    return found
