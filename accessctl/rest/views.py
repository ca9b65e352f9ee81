from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accessctl.authorize import allowed
from accessctl.models import ApiToken
from accessctl.rest.fields import WhoamiRead
from accessctl.rest.rights import ANYBODY
from accessctl.rights import Permission
from console.faces.rest.views import ApiView


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
