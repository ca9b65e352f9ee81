"""The Django admin of any kind that has a face: the same form, plan and change as the pages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest

from console.faces.acts.acts import Asked
from console.faces.acts.forms import ActForm
from console.faces.admin.acts import ActAdmin, told_of_each
from console.faces.face import Face
from console.faces.objects import proposals
from console.faces.objects.forms import ObjectForm
from console.faces.objects.pages import creating, edit_form, editing
from console.faces.pages.words import counted
from console.kinds.common.kind import Ref
from console.models import Broker


class ObjectAdmin(ActAdmin):
    """Subclasses name the face."""

    face: Face
    list_filter = ("broker",)
    list_select_related = ("broker",)

    def form_of(self, request: HttpRequest, broker: Broker, row: Any) -> ActForm:
        data = request.POST or None
        return ObjectForm(self.face, data) if row is None else edit_form(self.face, data, row)

    def wanted(self, request: HttpRequest, broker: Broker, row: Any, form: Any) -> Asked:
        if row is None:
            return creating(self.face, request.user, broker, form, self.list_address)
        return editing(self.face, request.user, row, form, self.list_address)

    def deleting(self, request: HttpRequest, rows: Sequence[Any]) -> Asked:
        face = self.face
        wishes = [
            proposals.delete(
                face, broker=row.broker, key=face.key_of(row), acting_user=request.user
            )
            for row in rows
        ]
        one = face.key_of(rows[0])[-1] if len(rows) == 1 else ""
        many = counted(len(rows), face.kind.noun)
        return Asked(
            title=f"Delete the {face.kind.phrase(face.key_of(rows[0]))}"
            if one
            else f"Delete {many}",
            wishes=wishes,
            act=f"Delete {face.kind.noun}" if one else f"Delete {many}",
            back=self.list_address,
            dies=told_of_each(
                rows,
                lambda row: Ref(face.name, face.key_of(row)),
                lambda row: list(face.rules.dies(row.broker, face.key_of(row), face.spec_of(row))),
            ),
            typed=one or many,
            danger=True,
        )


def admin_of(of: Face) -> type[ObjectAdmin]:
    """The ModelAdmin of a kind."""
    attributes = {
        "face": of,
        "word": of.kind.noun,
        "about": of.about,
        "list_display": (*reversed(of.kind.identity), "broker", "changed_at"),
        "search_fields": of.kind.identity,
    }
    return type(f"{of.model.__name__}Admin", (ObjectAdmin,), attributes)
