from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accessctl.api.fields import (
    PermissionRead,
    TokenMade,
    TokenRead,
    TokenWrite,
    TopicPermissionRead,
    UserRead,
    WhoamiRead,
)
from accessctl.api.filters import PermissionFilters, TopicPermissionFilters, UserFilters
from accessctl.api.permissions import ANYBODY
from accessctl.authorize import allowed
from accessctl.models import ApiToken, BrokerPermission, BrokerTopicPermission, BrokerUser
from accessctl.permissions import Permission
from accessctl.services.tokens import create_token, revoke_token
from console.errors import InvalidField
from console.rest.views import ApiView


class UsersView(ListModelMixin, RetrieveModelMixin, ApiView):
    """RabbitMQ users of all brokers."""

    serializer_class = UserRead
    filterset_class = UserFilters
    ordering_fields = {"id": "id", "broker": "broker__name", "name": "name"}
    ordering = ("broker", "name")
    console_permissions = {"list": Permission.USERS_VIEW, "retrieve": Permission.USERS_VIEW}

    def get_queryset(self) -> QuerySet[Any]:
        visible = BrokerUser.objects.visible_to(self.request.user)
        return visible.select_related("broker__status")


class PermissionsView(ListModelMixin, RetrieveModelMixin, ApiView):
    """Permissions of RabbitMQ users in virtual hosts."""

    serializer_class: type[Any] = PermissionRead
    filterset_class = PermissionFilters
    ordering_fields = {"id": "id", "broker": "broker__name", "vhost": "vhost", "user": "user"}
    ordering: tuple[str, ...] = ("broker", "vhost", "user")
    console_permissions = {
        "list": Permission.PERMISSIONS_VIEW,
        "retrieve": Permission.PERMISSIONS_VIEW,
    }

    def get_queryset(self) -> QuerySet[Any]:
        visible = BrokerPermission.objects.visible_to(self.request.user)
        return visible.select_related("broker__status")


class TopicPermissionsView(PermissionsView):
    """Permissions of RabbitMQ users at topic exchanges."""

    serializer_class = TopicPermissionRead
    filterset_class = TopicPermissionFilters
    ordering_fields = {**PermissionsView.ordering_fields, "exchange": "exchange"}
    ordering = ("broker", "vhost", "user", "exchange")

    def get_queryset(self) -> QuerySet[Any]:
        visible = BrokerTopicPermission.objects.visible_to(self.request.user)
        return visible.select_related("broker__status")


class TokensView(ListModelMixin, RetrieveModelMixin, ApiView):
    """One's own API tokens."""

    serializer_class = TokenRead
    ordering_fields = {"id": "id", "name": "name", "created_at": "created", "expires_at": "expiry"}
    ordering = ("-created_at",)
    console_permissions = dict.fromkeys(("list", "retrieve", "create", "destroy"), ANYBODY)

    def get_queryset(self) -> QuerySet[ApiToken]:
        return ApiToken.objects.visible_to(self.request.user).select_related("user")

    @extend_schema(request=TokenWrite, responses={201: OpenApiResponse(TokenMade)})
    def create(self, request: Request) -> Response:
        """Make a token. It is shown in this answer and never again."""
        sent = TokenWrite(data=self.body())
        sent.is_valid(raise_exception=True)
        now = timezone.now()
        expires_in = timedelta(days=sent.validated_data["expires_in_days"])
        used = request.auth
        if isinstance(used, ApiToken) and used.expiry and now + expires_in > used.expiry:
            # Else whoever gets hold of a token keeps access for ever.
            raise InvalidField(
                "expires_in_days",
                "A token made with a token cannot outlive it. Log in to the console to make one.",
            )
        row, token = create_token(
            user=cast(AbstractBaseUser, request.user),
            name=sent.validated_data["name"],
            expires_in=expires_in,
            now=now,
            acting_user=request.user,
        )
        return Response({**TokenRead(row).data, "token": token}, status=201)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Revoke a token: it is refused from the next request on."""
        revoke_token(self.get_object(), acting_user=request.user)
        return Response(status=204)


class WhoamiView(ApiView):
    serializer_class = WhoamiRead
    pagination_class = None
    filter_backends = ()
    console_permissions = {"list": ANYBODY}

    @extend_schema(responses=WhoamiRead, operation_id="whoami")
    def list(self, request: Request) -> Response:
        """Who is asking, how the console knows, and what it lets them do."""
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
