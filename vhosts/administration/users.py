"""RabbitMQ users in the Django admin. Passwords are write-only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from accessctl.models import BrokerPermission, BrokerUser
from accessctl.permissions.rules import clear_permissions
from accessctl.users.face import USERS
from console.engine.proposal import DesiredObject
from console.errors import InvalidField
from console.faces.acts.acts import Asked
from console.faces.admin.acts import by_broker
from console.faces.pages.words import counted
from vhosts.administration.seen import SeenObjectAdmin


@admin.register(BrokerUser)
class BrokerUserAdmin(SeenObjectAdmin):
    face = USERS
    word = "user"
    about = "A RabbitMQ user, for an application or a person. Not a console account."
    list_display = ("name", "broker", "tags", "has_password", "changed_at")
    search_fields = ("name",)
    actions = ("delete_chosen", "clear_chosen", "adopt_chosen")

    @admin.action(description="Clear all permissions: review changes")
    def clear_chosen(self, request: HttpRequest, chosen: QuerySet[BrokerUser]) -> HttpResponse:
        return self.act_on(request, chosen, "clear_chosen", self._clearing)

    def _clearing(self, request: HttpRequest, rows: Sequence[Any]) -> Asked:
        desired_objects: list[DesiredObject] = []
        for broker, users in by_broker(rows).items():
            names = [user.name for user in users]
            held = BrokerPermission.objects.filter(broker=broker, user__in=names)
            vhosts = list(held.values_list("vhost", flat=True).distinct().order_by("vhost"))
            if vhosts:
                desired_objects += clear_permissions(
                    broker=broker, vhosts=vhosts, users=names, acting_user=request.user
                )
        if not desired_objects:
            raise InvalidField("user", "None of the selected users has a permission.")
        return Asked(
            title=f"Clear all permissions of {counted(len(rows), self.word)}",
            desired_objects=desired_objects,
            act="Clear permissions",
            back=self.list_address,
            danger=True,
        )
