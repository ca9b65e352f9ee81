"""`manage.py migrate`, as the owner of the tables where DATABASE_OWNER_URL names one.

Afterwards the role of DATABASE_URL gets its rights on what is there: see console.models.roles.
"""

from __future__ import annotations

from typing import Any

from django.core.management.commands import migrate
from django.db import connection

from console.models.roles import AUDIT_TABLE, as_owner, set_up_runtime_role


class Command(migrate.Command):
    def execute(self, *args: Any, **options: Any) -> str | None:
        with as_owner():  # for the system checks too, which come before `handle`
            return super().execute(*args, **options)

    def handle(self, *args: Any, **options: Any) -> None:
        super().handle(*args, **options)
        only_looked = options["plan"] or options["check_unapplied"]
        if not only_looked and AUDIT_TABLE in connection.introspection.table_names():
            set_up_runtime_role()
