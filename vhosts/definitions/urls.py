from __future__ import annotations

from django.urls import URLPattern, URLResolver, path

from vhosts.definitions import backup_views as backups
from vhosts.definitions import views as definitions

#: Under /definitions/.
urlpatterns: list[URLPattern | URLResolver] = [
    path("", definitions.definitions, name="definitions"),
    path("export/", definitions.definitions_export, name="definitions_export"),
    path("import/", definitions.definitions_import, name="definitions_import"),
    path("copy/", definitions.definitions_copy, name="definitions_copy"),
    path("plans/<uuid:draft_id>/", definitions.definitions_plan, name="definitions_plan"),
    path("backups/", backups.backups, name="backups"),
    path("backups/compare/", backups.backup_compare, name="backup_compare"),
    path("backups/<int:backup_id>/download/", backups.backup_download, name="backup_download"),
    path("backups/take/<int:broker_id>/", backups.backup_take, name="backup_take"),
    path("backups/schedule/<int:broker_id>/", backups.backup_schedule, name="backup_schedule"),
]
