"""Virtual hosts in the Django admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from console.faces.acts.acts import Asked
from console.models import Broker
from vhosts.administration.seen import SeenObjectAdmin
from vhosts.models import VirtualHost
from vhosts.virtual_hosts.form_views import creation_asked, edit_asked, vhost_form
from vhosts.virtual_hosts.forms import VhostForm


@admin.register(VirtualHost)
class VirtualHostAdmin(SeenObjectAdmin):
    kind = "vhost"
    word = "virtual host"
    about = "An isolated namespace within the broker. Its name can't be changed later."
    list_display = ("name", "broker", "default_queue_type", "first_seen_at", "changed_at")
    search_fields = ("name",)

    def form_of(self, request: HttpRequest, broker: Broker, row: Any) -> VhostForm:
        return vhost_form(request, broker, row)

    def wanted(self, request: HttpRequest, broker: Broker, row: Any, form: Any) -> Asked:
        if row is None:
            return creation_asked(request, broker, form, self.list_address)
        return edit_asked(request, row, form, self.list_address)
