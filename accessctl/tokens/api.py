from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

import django_filters
from django.contrib.auth.models import AbstractBaseUser
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.mixins import ListModelMixin, RetrieveModelMixin
from rest_framework.request import Request
from rest_framework.response import Response

from accessctl.models import ApiToken
from accessctl.rest.fields import TokenMade, TokenRead, TokenWrite
from accessctl.rights import Permission
from accessctl.tokens.service import create_token, revoke_token
from console.faces.rest.filters import TextFilter
from console.faces.rest.views import ApiView


class TokenFilters(django_filters.FilterSet):
    owner = TextFilter(
        field_name="user__username", help_text="The owner of the token. Superusers see all tokens."
    )

    class Meta:
        model = ApiToken
        fields: list[str] = []


class TokensView(ListModelMixin, RetrieveModelMixin, ApiView):
    """Your API tokens; for superusers, all tokens."""

    nouns = ("API tokens", "API token")
    serializer_class = TokenRead
    filterset_class = TokenFilters
    ordering_fields = {"id": "id", "name": "name", "created_at": "created", "expires_at": "expiry"}
    ordering = ("-created_at",)
    console_permissions = dict.fromkeys(
        ("list", "retrieve", "create", "destroy"), Permission.TOKENS_OWN
    )

    def get_queryset(self) -> QuerySet[ApiToken]:
        return ApiToken.objects.visible_to(self.request.user).select_related("user")

    @extend_schema(request=TokenWrite, responses={201: OpenApiResponse(TokenMade)})
    def create(self, request: Request) -> Response:
        """Create an API token. Its value is returned only once."""
        sent = TokenWrite(data=self.body())
        sent.is_valid(raise_exception=True)
        asked: dict[str, Any] = sent.validated_data
        row, token = create_token(
            user=cast(AbstractBaseUser, request.user),
            name=asked["name"],
            expires_in=timedelta(days=asked["expires_in_days"]),
            scopes=asked["scopes"],
            networks=asked["networks"],
            made_with=request.auth if isinstance(request.auth, ApiToken) else None,
            now=timezone.now(),
            acting_user=request.user,
        )
        return Response({**TokenRead(row).data, "token": token}, status=201)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Revoke an API token. It is refused from the next request on."""
        revoke_token(self.get_object(), acting_user=request.user)
        return Response(status=204)
