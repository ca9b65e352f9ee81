"""Check accessctl.authorize in DRF."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accessctl.authorize import may, refusal

if TYPE_CHECKING:
    from rest_framework.views import APIView

#: In `console_permissions`: everybody who is signed in, for their own items.
ANYBODY: Final = "anybody"


class MayUse(BasePermission):
    """Check `view.console_permissions[action]`. An action without an entry is denied. DRF creates
    one instance per request."""

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
    """Return whether the view lacks the method, which is answered with 405, not 403."""
    return not hasattr(view, (request.method or "").lower())
