"""`manage.py migrate`, as the owner of the tables if DATABASE_OWNER_URL is set.

Afterwards the role in DATABASE_URL gets its rights on the tables: see console.models.roles.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.commands import migrate
from django.db import connection

from console.models.roles import AUDIT_TABLE, as_owner, set_up_runtime_role

#: This command's advisory lock in its database. The number has no other meaning.
_LOCK = 0x57617272656E


class Command(migrate.Command):
    def execute(self, *args: Any, **options: Any) -> str | None:
        with as_owner():  # also for the system checks, which run before `handle`
            return super().execute(*args, **options)

    def handle(self, *args: Any, **options: Any) -> None:
        if options["plan"] or options["check_unapplied"]:
            super().handle(*args, **options)
            return
        with _alone():
            super().handle(*args, **options)
            if AUDIT_TABLE in connection.introspection.table_names():
                set_up_runtime_role()


@contextmanager
def _alone() -> Iterator[None]:
    """Allow one `migrate` per database at a time: several replicas may each start one.

    The others wait, and then find nothing to do. The lock ends with its connection, however the
    process ends.
    """
    with connection.cursor() as cursor:
        # Polled, because a waiting statement would block CREATE INDEX CONCURRENTLY.
        while not _locked(cursor):
            time.sleep(0.5)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])


def _locked(cursor: Any) -> bool:
    cursor.execute("SELECT pg_try_advisory_lock(%s)", [_LOCK])
    return bool(cursor.fetchone()[0])
