"""Common parts of users, virtual hosts and permissions in the Django admin: delete and adopt
selected rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from console.errors import InvalidField
from console.faces.acts.acts import Asked
from console.faces.admin.objects import ObjectAdmin
from console.faces.objects.requests import deletion
from console.faces.pages.words import counted
from console.kinds.registry import OWNERS
from vhosts.drift.unmanaged import adopt_seen, unmanaged


class SeenObjectAdmin(ObjectAdmin):
    actions: Sequence[str] = ("delete_chosen", "adopt_chosen")

    def deleting(self, request: HttpRequest, rows: Sequence[Any]) -> Asked:
        # Objects that others depend on are confirmed by typing their name.
        typed = self.face.name in OWNERS
        return deletion(self.face, request.user, rows, self.list_address, typed=typed)

    @admin.action(description="Delete from the broker: review changes")
    def delete_chosen(self, request: HttpRequest, chosen: QuerySet[Any]) -> HttpResponse:
        return self.act_on(request, chosen, "delete_chosen", self.deleting)

    @admin.action(description="Adopt unmanaged objects: review changes")
    def adopt_chosen(self, request: HttpRequest, chosen: QuerySet[Any]) -> HttpResponse:
        return self.act_on(request, chosen, "adopt_chosen", self._adopting)

    def _adopting(self, request: HttpRequest, rows: Sequence[Any]) -> Asked:
        """Return the request to adopt the rows that aren't managed yet."""
        found = unmanaged(self.face.name, request.user).filter(pk__in=[row.pk for row in rows])
        new = list(found.select_related("broker__status"))
        if not new:
            raise InvalidField("key", "All selected objects are already managed.")
        return Asked(
            title=f"Adopt {counted(len(new), 'object')}",
            desired_objects=adopt_seen(self.face.name, new, acting_user=request.user),
            act="Adopt",
            back=self.list_address,
            warnings=left_out(len(rows) - len(new), "are already managed and skipped."),
        )


def left_out(number: int, why: str) -> list[str]:
    return [f"{number} of the selected objects {why}"] if number else []
