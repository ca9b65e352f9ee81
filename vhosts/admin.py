"""Read-only admin of what polling found. What can be changed is in separate modules. History has
composite keys, which the admin can't show."""

from __future__ import annotations

from django.contrib import admin

from console.faces.admin.objects import admin_of
from console.faces.admin.site import SeenAdmin
from console.faces.face import drawn_faces
from vhosts.administration import drift as admin_drift
from vhosts.administration import permissions as admin_permissions
from vhosts.administration import users as admin_users
from vhosts.administration import vhosts as admin_vhosts
from vhosts.models import Dashboard, Poll, Queue

__all__ = ["admin_drift", "admin_permissions", "admin_users", "admin_vhosts"]


for _face in drawn_faces():
    admin.site.register(_face.model, admin_of(_face))


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


@admin.register(Dashboard)
class DashboardAdmin(SeenAdmin):
    list_display = ("name", "owner_name", "listed", "updated_at")
    search_fields = ("name", "owner_name")
    ordering = ("name",)
