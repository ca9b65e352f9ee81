"""Virtual hosts in the Django admin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse

from accessctl.admin_acts import ActAdmin, by_broker, counted, told_of_each
from accessctl.views.acts import Asked
from console.models import Broker
from console.reconcile.kinds import Ref
from vhosts.admin_drift import adopting
from vhosts.forms import VhostForm
from vhosts.models import VirtualHost
from vhosts.services.manage_vhosts import (
    create_vhost,
    delete_vhost,
    edit_vhost,
    vhost_objections,
    vhost_standing,
)


@admin.register(VirtualHost)
class VirtualHostAdmin(ActAdmin):
    word = "virtual host"
    about = "A world of its own inside the broker. Its name cannot be changed later."
    list_display = ("name", "broker", "default_queue_type", "first_seen_at", "changed_at")
    list_filter = ("broker",)
    list_select_related = ("broker",)
    search_fields = ("name",)
    actions = ("delete_chosen", "adopt_chosen")

    def form_of(self, request: HttpRequest, broker: Broker, row: Any, data: Any) -> VhostForm:
        known = VirtualHost.objects.filter(broker=broker).exclude(protected_from_deletion=None)
        protects = row.protected_from_deletion is not None if row else known.exists()
        if row is None:
            return VhostForm(data, may_limit=True, knows_protection=protects)
        standing = vhost_standing(broker, row.name)
        return VhostForm(
            data,
            spec=standing.wanted or standing.observed or {},
            generation=standing.managed.generation if standing.managed else 0,
            may_limit=True,
            knows_protection=protects,
        )

    def wanted(self, request: HttpRequest, broker: Broker, row: Any, form: Any) -> Asked:
        if row is None:
            name = form.cleaned_data["name"]
            wish = create_vhost(
                broker=broker, name=name, fields=form.wanted(), acting_user=request.user
            )
            return Asked(
                title=f"Create the virtual host {name}",
                wishes=[wish],
                act="Create it",
                back=self.list_address,
                warnings=["Nobody has permissions in it yet: set them next."],
            )
        wish = edit_vhost(
            broker=broker,
            name=row.name,
            fields=form.wanted(),
            acting_user=request.user,
            expected_generation=form.cleaned_data["generation"],
        )
        return Asked(
            title=f"Change the virtual host {row.name}",
            wishes=[wish],
            act="Change it",
            back=self.list_address,
        )

    def deleting(self, request: HttpRequest, rows: Sequence[Any]) -> Asked:
        wishes = [
            delete_vhost(broker=row.broker, name=row.name, acting_user=request.user) for row in rows
        ]
        one = rows[0].name if len(rows) == 1 else ""
        return Asked(
            title=f"Delete the virtual host {one}" if one else f"Delete {counted(rows, self.word)}",
            wishes=wishes,
            act="Delete this virtual host" if one else "Delete these virtual hosts",
            back=self.list_address,
            dies=told_of_each(
                rows,
                lambda row: Ref("vhost", (row.name,)),
                lambda row: vhost_objections(row.broker, row.name),
            ),
            typed=one or counted(rows, self.word),
            danger=True,
        )

    @admin.action(description="Delete on the broker: show the plan")
    def delete_chosen(self, request: HttpRequest, chosen: QuerySet[VirtualHost]) -> HttpResponse:
        return self.act_on(request, chosen, "delete_chosen", self.deleting)

    @admin.action(description="Adopt what was never asked for here: show the plan")
    def adopt_chosen(self, request: HttpRequest, chosen: QuerySet[VirtualHost]) -> HttpResponse:
        return self.act_on(
            request,
            chosen,
            "adopt_chosen",
            lambda request, rows: adopting(
                request, "vhost", by_broker(rows), lambda row: (row.name,), self.list_address
            ),
        )
