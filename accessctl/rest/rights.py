"""DRF's side of accessctl.authorize."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accessctl.authorize import may, refusal

if TYPE_CHECKING:
    from rest_framework.views import APIView

#: In `console_permissions`: anybody who is logged in, for what is their own.
ANYBODY: Final = "anybody"


class MayUse(BasePermission):
    """DRF makes one for each request. Looks up `view.console_permissions[action]`; an action that names none is denied."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not (request.user and request.user.is_authenticated and request.user.is_active):
            return False
        action = getattr(view, "action", None)
        if request.method == "OPTIONS" or (action is None and _is_unsupported(request, view)):
            return True
        needed = getattr(view, "console_permissions", {}).get(action)
        if needed is None:
            return False
        if needed == ANYBODY or may(request.user, needed):
            return True
        self.message = refusal(request.user, needed).message
        return False


def _is_unsupported(request: Request, view: APIView) -> bool:
    """A method that the view does not have answers 405, not 403."""
    return not hasattr(view, (request.method or "").lower())
