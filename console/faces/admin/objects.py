"""The Django admin of any kind that has a face: the same form, plan and change as the pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest

from console.faces.acts.acts import Asked
from console.faces.acts.forms import ActForm
from console.faces.admin.acts import ActAdmin
from console.faces.face import Face
from console.faces.objects.requests import asked_by, deletion, form_of
from console.models import Broker


class ObjectAdmin(ActAdmin):
    """The admin of one kind. Subclasses set `face`."""

    face: Face
    list_filter = ("broker",)
    list_select_related = ("broker",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.face.kind.is_editable and super().has_change_permission(request, obj)

    def form_of(self, request: HttpRequest, broker: Broker, row: Any) -> ActForm:
        return form_of(self.face, request, broker, row)

    def wanted(self, request: HttpRequest, broker: Broker, row: Any, form: Any) -> Asked:
        return asked_by(self.face, request, broker, row, form, self.list_address)

    def deleting(self, request: HttpRequest, rows: Sequence[Any]) -> Asked:
        return deletion(self.face, request.user, rows, self.list_address, typed=True)


def admin_of(of: Face) -> type[ObjectAdmin]:
    """Return the ModelAdmin of a kind."""
    attributes = {
        "face": of,
        "word": of.kind.noun,
        "about": of.about,
        "list_display": (*reversed(of.kind.identity), "broker", "changed_at"),
        "search_fields": of.kind.identity,
    }
    return type(f"{of.model.__name__}Admin", (ObjectAdmin,), attributes)
