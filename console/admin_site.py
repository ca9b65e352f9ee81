from __future__ import annotations

from django.contrib.admin import AdminSite


class WarrenAdminSite(AdminSite):
    site_header = "Warren administration"
    site_title = "Warren"
    index_title = "For superusers"
    site_url = "/"
