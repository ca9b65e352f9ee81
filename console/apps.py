from __future__ import annotations

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig


class ConsoleConfig(AppConfig):
    name = "console"
    verbose_name = "Console"

    def ready(self) -> None:
        from console.settings import checks  # noqa: F401 – registers the system checks


class WarrenAdminConfig(AdminConfig):
    default_site = "console.faces.admin.site.WarrenAdminSite"
