"""RabbitMQ's users in the Django admin. Passwords are only ever written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from accessctl.admin_acts import ActAdmin, by_broker, counted, told_of_each
from accessctl.forms_users import UserForm
from accessctl.models import BrokerPermission, BrokerUser
from accessctl.services.broker_permissions import clear_permissions
from accessctl.services.broker_users import (
    create_user,
    delete_user,
    edit_user,
    user_objections,
    user_standing,
)
from accessctl.views.acts import Asked
from accessctl.views.user_forms import password_warnings
from console.changes.accept import Wish
from console.errors import InvalidField
from console.models import Broker
from console.reconcile.kinds import Ref
from vhosts.admin_drift import adopting


@admin.register(BrokerUser)
class BrokerUserAdmin(ActAdmin):
    word = "user"
    about = "A user of RabbitMQ, for an application or a person; not an account of this console."
    list_display = ("name", "broker", "tags", "has_password", "changed_at")
    list_filter = ("broker",)
    list_select_related = ("broker",)
    search_fields = ("name",)
    actions = ("delete_chosen", "clear_chosen", "adopt_chosen")

    def form_of(self, request: HttpRequest, broker: Broker, row: Any, data: Any) -> UserForm:
        rights: dict[str, Any] = {"may_tag": True, "may_limit": True}
        name = row.name if row else ""
        rights["seal_for"] = f"{request.user.pk} {broker.pk} {name}"
        if row is None:
            return UserForm(data, **rights)
        standing = user_standing(broker, name)
        return UserForm(
            data,
            spec=standing.wanted or standing.observed or {},
            generation=standing.managed.generation if standing.managed else 0,
            **rights,
        )

    def wanted(self, request: HttpRequest, broker: Broker, row: Any, form: Any) -> Asked:
        password = form.password_given()
        if row is None:
            name = form.cleaned_data["name"]
            wish = create_user(
                broker=broker,
                name=name,
                password=password,
                fields=form.wanted(),
                acting_user=request.user,
            )
            return Asked(
                title=f"Create the user {name}",
                wishes=[wish],
                act="Create it",
                back=self.list_address,
                warnings=["It has no permission in any virtual host yet: set them next."],
                once=form.generated,
            )
        wish = edit_user(
            broker=broker,
            name=row.name,
            fields=form.wanted(),
            password=password,
            acting_user=request.user,
            expected_generation=form.cleaned_data["generation"],
        )
        return Asked(
            title=f"Change the user {row.name}",
            wishes=[wish],
            act="Change it",
            back=self.list_address,
            warnings=password_warnings(row) if password else [],
            once=form.generated,
        )

    def deleting(self, request: HttpRequest, rows: Sequence[Any]) -> Asked:
        wishes = [
            delete_user(broker=row.broker, name=row.name, acting_user=request.user) for row in rows
        ]
        one = rows[0].name if len(rows) == 1 else ""
        return Asked(
            title=f"Delete the user {one}" if one else f"Delete {counted(rows, self.word)}",
            wishes=wishes,
            act="Delete this user" if one else "Delete these users",
            back=self.list_address,
            dies=told_of_each(
                rows,
                lambda row: Ref("user", (row.name,)),
                lambda row: user_objections(row.broker, row.name),
            ),
            typed=one or counted(rows, self.word),
            danger=True,
        )

    @admin.action(description="Delete on the broker: show the plan")
    def delete_chosen(self, request: HttpRequest, chosen: QuerySet[BrokerUser]) -> HttpResponse:
        return self.act_on(request, chosen, "delete_chosen", self.deleting)

    @admin.action(description="Take away all their permissions: show the plan")
    def clear_chosen(self, request: HttpRequest, chosen: QuerySet[BrokerUser]) -> HttpResponse:
        return self.act_on(request, chosen, "clear_chosen", self._clearing)

    @admin.action(description="Adopt what was never asked for here: show the plan")
    def adopt_chosen(self, request: HttpRequest, chosen: QuerySet[BrokerUser]) -> HttpResponse:
        return self.act_on(
            request,
            chosen,
            "adopt_chosen",
            lambda request, rows: adopting(
                request, "user", by_broker(rows), lambda row: (row.name,), self.list_address
            ),
        )

    def _clearing(self, request: HttpRequest, rows: Sequence[Any]) -> Asked:
        wishes: list[Wish] = []
        for broker, users in by_broker(rows).items():
            names = [user.name for user in users]
            held = BrokerPermission.objects.filter(broker=broker, user__in=names)
            vhosts = list(held.values_list("vhost", flat=True).distinct().order_by("vhost"))
            if vhosts:
                wishes += clear_permissions(
                    broker=broker, vhosts=vhosts, users=names, acting_user=request.user
                )
        if not wishes:
            raise InvalidField("user", "None of them has a permission.")
        return Asked(
            title=f"Take away all permissions of {counted(rows, self.word)}",
            wishes=wishes,
            act="Take them away",
            back=self.list_address,
            danger=True,
        )
