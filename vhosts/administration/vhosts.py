"""Virtual hosts in the Django admin."""

from __future__ import annotations

from django.contrib import admin

from console.kinds.vhost import DEFAULT_TYPE
from vhosts.administration.seen import SeenObjectAdmin
from vhosts.models import VirtualHost
from vhosts.virtual_hosts.face import VIRTUAL_HOSTS


@admin.register(VirtualHost)
class VirtualHostAdmin(SeenObjectAdmin):
    face = VIRTUAL_HOSTS
    word = "virtual host"
    about = "An isolated namespace within the broker. Its name can't be changed later."
    list_display = ("name", "broker", DEFAULT_TYPE, "first_seen_at", "changed_at")
    search_fields = ("name",)
