from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any

from django.contrib.admin import AdminSite, ModelAdmin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import BadRequest
from django.db.models import Model
from django.http import HttpRequest

from console.audit import record

if TYPE_CHECKING:
    PlainAdmin = ModelAdmin[Any]
else:  # ModelAdmin takes type parameters for type checkers only
    PlainAdmin = ModelAdmin


#: A row's primary key, as the list forms send it.
_KEY = re.compile("[0-9]{1,18}")


class WarrenAdminSite(AdminSite):
    site_header = "Warren administration"
    site_title = "Warren"
    index_title = "For superusers"
    site_url = None

    def has_permission(self, request: HttpRequest) -> bool:
        """Allow superusers only: others get rights from grants, never from Django's own
        permissions."""
        return bool(request.user.is_active and getattr(request.user, "is_superuser", False))

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        @functools.wraps(view)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            # Django would query with any value sent here, and fail on one that can't be a key.
            for key in request.POST.getlist(ACTION_CHECKBOX_NAME):
                if not _KEY.fullmatch(key):
                    raise BadRequest("A selected row has no such key.")
            return view(request, *args, **kwargs)

        return super().admin_view(checked, cacheable)


class SeenAdmin(PlainAdmin):
    """A read-only admin of rows that polling or the console wrote. For large tables: it never
    counts all rows or offers all of them in a select."""

    show_full_result_count = False
    list_per_page = 50
    actions: Any = None

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class AuditedAdmin(PlainAdmin):
    """An admin of rows that may be edited here. Each edit is also recorded in the console's audit
    log."""

    def log_addition(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        self._audit(request, "add", obj)
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: Any) -> Any:
        changed = message[0].get("changed", {}).get("fields", []) if _is_list(message) else message
        self._audit(request, "edit", obj, {"changed": changed})
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        for obj in queryset:
            self._audit(request, "delete", obj)
        return super().log_deletions(request, queryset)

    def _audit(self, request: HttpRequest, verb: str, obj: Model, after: Any = None) -> None:
        kind = str(obj._meta.verbose_name)
        record(
            f"{kind}s:{verb}",
            target_kind=kind,
            target=str(obj),
            acting_user=request.user,
            after=after,
        )


def _is_list(message: Any) -> bool:
    return isinstance(message, list) and bool(message) and isinstance(message[0], dict)
