from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accessctl.models import ApiToken
from accessctl.reach import limit_reach
from accessctl.tokens.service import find_token, note_use
from console.client_address import client_address
from console.engine.proposals.token import note_token


class ApiTokenAuthentication(BaseAuthentication):
    """Authenticate `Authorization: Bearer wrn_…`. If the header is present, nothing else counts: a
    bad token is refused even if the request has a browser session."""

    def authenticate(self, request: Request) -> tuple[AbstractBaseUser, ApiToken] | None:
        parts = get_authorization_header(request).split()
        if not parts:
            return None
        if parts[0].lower() != b"bearer" or len(parts) != 2:
            raise AuthenticationFailed("Send the token in the header Authorization: Bearer wrn_…")
        now = timezone.now()
        token = find_token(parts[1].decode("ascii", "replace"))
        # One message for all cases, so that it doesn't reveal whether a token ever existed.
        if token is None or token.is_expired(now) or not token.user.is_active:
            raise AuthenticationFailed(
                "The API token is unknown, expired or revoked. Create a new token."
            )
        address = client_address(request)
        if not token.is_good_from(address):
            raise AuthenticationFailed(f"This token can't be used from {address}.")
        note_use(token, now=now)
        limit_reach(token.user, token.only)
        note_token(token.user, token.pk)
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class _TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = ApiTokenAuthentication
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "wrn_…"}
