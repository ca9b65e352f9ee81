"""What polling found, to look at. History has composite keys, which the admin cannot show."""

from __future__ import annotations

from django.contrib import admin

from console.admin_site import SeenAdmin
from vhosts.models import Poll, Queue, VirtualHost


@admin.register(VirtualHost)
class VirtualHostAdmin(SeenAdmin):
    list_display = ("name", "broker", "default_queue_type", "first_seen_at", "changed_at")
    list_filter = ("broker",)
    list_select_related = ("broker",)
    search_fields = ("name",)


@admin.register(Queue)
class QueueAdmin(SeenAdmin):
    list_display = ("name", "vhost", "broker", "type", "state", "ready", "unacked", "gone_at")
    list_filter = ("broker",)
    list_select_related = ("broker",)
    search_fields = ("name", "vhost")
    ordering = ("-id",)


@admin.register(Poll)
class PollAdmin(SeenAdmin):
    list_display = ("slot_at", "broker", "source", "complete", "took_ms", "queues", "error_code")
    list_filter = ("broker", "complete")
    list_select_related = ("broker",)
