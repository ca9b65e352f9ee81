"""The Django admin of any kind that has a face: the same form, plan and change as the pages."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
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
from console.faces.writes import desired_objects_of
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
        return deletion(self.face, request.user, rows, self.list_address, typed=True)


def deletion(face: Face, user: Any, rows: Sequence[Any], back: str, *, typed: bool) -> Asked:
    """Return what deleting the objects of mirror rows asks for. `typed`: the only one's name, or how many they
    are, is typed to confirm. Raises ConsoleError."""
    make = face.api.delete if face.api else partial(proposals.delete, face)
    verb = face.api.verbs[2] if face.api else "Delete"
    desired_objects = [
        desired
        for row in rows
        for desired in desired_objects_of(
            make(broker=row.broker, key=face.key_of(row), acting_user=user)
        )
    ]
    only = face.key_of(rows[0]) if len(rows) == 1 else None
    many = counted(len(rows), face.kind.noun)
    return Asked(
        title=f"{verb} the {face.called(only)}" if only else f"{verb} {many}",
        desired_objects=desired_objects,
        act=f"{verb} {face.kind.noun}" if only else f"{verb} {many}",
        back=back,
        dies=told_of_each(
            rows,
            lambda row: Ref(face.name, face.key_of(row)),
            lambda row: list(face.rules.dies(row.broker, face.key_of(row), face.spec_of(row))),
        ),
        typed=(only[-1] if only else many) if typed else "",
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
