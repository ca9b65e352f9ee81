from __future__ import annotations

from typing import Any, cast

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accessctl.authorize import allowed
from accessctl.models import ApiToken, BrokerPermission, BrokerTopicPermission, BrokerUser
from accessctl.permissions.api_writes import PermissionWrites, TopicPermissionWrites
from accessctl.permissions.face import PERMISSIONS, TOPIC_PERMISSIONS
from accessctl.rest.fields import (
    ConnectionsRead,
    PermissionRead,
    TopicPermissionRead,
    UserRead,
    WhoamiRead,
)
from accessctl.rest.rights import ANYBODY
from accessctl.rights import Permission
from accessctl.users.api_writes import UserWrites
from accessctl.users.connections import read_connections
from accessctl.users.face import USERS
from accessctl.users.selectors import access_broker_user
from console.faces.rest.changing import WithManaged
from console.faces.rest.listed import filters_of, ordering_of
from console.faces.rest.pagination import PageNumbers
from console.faces.rest.views import ApiView

_PERMISSION_VIEW = {
    "list": Permission.PERMISSIONS_VIEW,
    "retrieve": Permission.PERMISSIONS_VIEW,
}
_PAGING = [
    OpenApiParameter("page", OpenApiTypes.INT, description="The page number, from 1."),
    OpenApiParameter(
        "page_size", OpenApiTypes.INT, description="The number of results per page, 1 to 1000."
    ),
]


class UsersView(UserWrites, WithManaged, ListModelMixin, RetrieveModelMixin, ApiView):
    """RabbitMQ users on all brokers."""

    nouns = ("RabbitMQ users", "RabbitMQ user")
    serializer_class = UserRead
    filterset_class = filters_of(USERS)
    ordering_fields = ordering_of(USERS)
    ordering = ("broker", "name")
    console_permissions = {
        "list": Permission.USERS_VIEW,
        "retrieve": Permission.USERS_VIEW,
        "connections": Permission.CONNECTIONS_VIEW,
        **UserWrites.write_permissions,
    }
    query_parameters = {
        **UserWrites.write_parameters,
        "connections": frozenset({"page", "page_size"}),
    }
    managed_kind = "user"
    managed_key = ("name",)

    def get_queryset(self) -> QuerySet[Any]:
        visible = BrokerUser.objects.visible_to(self.request.user)
        return visible.select_related("broker__status")

    @extend_schema(responses=ConnectionsRead, filters=False, parameters=_PAGING)
    @action(
        methods=["get"],
        detail=True,
        url_path="connections",
        pagination_class=None,
        filter_backends=(),
    )
    def connections(self, request: Request, pk: str) -> Response:
        """List a user's open connections. Reads them from the broker now; if the broker fails, the response says so."""
        user = access_broker_user(request.user, int(pk), Permission.USERS_VIEW)
        reading = read_connections(user, viewer=request.user, now=timezone.now())
        pages = PageNumbers()
        rows = pages.paginate_queryset(cast(Any, reading.items or []), request, view=self)
        told = reading.items is not None
        answer = {
            "read_at": reading.at if told else None,
            "trouble": reading.trouble
            and {"code": reading.trouble.code, "detail": reading.trouble.sentence},
            "complete": told and reading.complete and not reading.rejected,
            "in_part": reading.in_part,
            "count": len(reading.items) if reading.items is not None else None,
            "next": pages.get_next_link(),
            "previous": pages.get_previous_link(),
            "results": rows,
        }
        return Response(ConnectionsRead(answer).data)


class PermissionsView(PermissionWrites, WithManaged, ListModelMixin, RetrieveModelMixin, ApiView):
    """Permissions of RabbitMQ users in virtual hosts."""

    serializer_class = PermissionRead
    filterset_class = filters_of(PERMISSIONS)
    ordering_fields = ordering_of(PERMISSIONS)
    ordering = ("broker", "vhost", "user")
    console_permissions = {**_PERMISSION_VIEW, **PermissionWrites.write_permissions}
    query_parameters = PermissionWrites.write_parameters
    managed_kind = "permission"
    managed_key = ("vhost", "user")

    def get_queryset(self) -> QuerySet[Any]:
        visible = BrokerPermission.objects.visible_to(self.request.user)
        return visible.select_related("broker__status")


class TopicPermissionsView(
    TopicPermissionWrites, WithManaged, ListModelMixin, RetrieveModelMixin, ApiView
):
    """Permissions of RabbitMQ users on topic exchanges."""

    serializer_class = TopicPermissionRead
    filterset_class = filters_of(TOPIC_PERMISSIONS)
    ordering_fields = ordering_of(TOPIC_PERMISSIONS)
    ordering = ("broker", "vhost", "user", "exchange")
    console_permissions = {**_PERMISSION_VIEW, **TopicPermissionWrites.write_permissions}
    query_parameters = TopicPermissionWrites.write_parameters
    managed_kind = "topic_permission"
    managed_key = ("vhost", "user", "exchange")

    def get_queryset(self) -> QuerySet[Any]:
        visible = BrokerTopicPermission.objects.visible_to(self.request.user)
        return visible.select_related("broker__status")


class WhoamiView(ApiView):
    serializer_class = WhoamiRead
    pagination_class = None
    filter_backends = ()
    console_permissions = {"list": ANYBODY}

    @extend_schema(responses=WhoamiRead, operation_id="whoami")
    def list(self, request: Request) -> Response:
        """Get your account, your authentication method and your permissions."""
        token = request.auth if isinstance(request.auth, ApiToken) else None
        answer = {
            "id": request.user.pk,
            "username": request.user.get_username(),
            "is_superuser": request.user.is_superuser,
            "authenticated_by": "token" if token else "session",
            "token": token,
            "permissions": sorted(allowed(request.user, Permission)),
        }
        return Response(WhoamiRead(answer).data)
