"""DRF's side of accessctl.authorize."""

from __future__ import annotations

from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from accessctl.authorize import may


class MayUse(BasePermission):
    """Looks up `view.console_permissions[action]`; a view or action that names none is denied."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        needed = getattr(view, "console_permissions", {}).get(getattr(view, "action", None))
        if request.method == "OPTIONS":
            return bool(request.user and request.user.is_authenticated)
        return needed is not None and may(request.user, needed)
