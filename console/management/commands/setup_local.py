"""`manage.py setup_local`: everything that bin/up does in the database, in one process.

Reads one JSON object from standard input, so that no secret is on a command line:

    {"administrator": {"name": "admin", "password": "…", "token": "wrn_…"},
     "broker": {"name": "local", "management_url": "…", "username": "…", "password": "…", …},
     "disable": {"name": "local", "username": "…"} or null,
     "collect_static": true}

Migrates (as the tables' owner, if DATABASE_OWNER_URL is set), creates the administrator, the token
and the broker if they are missing, and collects the static files if requested. An existing
administrator keeps the password. The broker in `disable`, if it exists, is no longer polled: its
node doesn't run and would stay unreachable. Prints one JSON line: {"password_is_current": bool}.
Running it again changes nothing.
"""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from console.errors import ConsoleError
from console.management.commands.ensure_admin import ensure_admin
from console.management.commands.ensure_broker import ensure_broker
from console.management.commands.ensure_token import ensure_token
from console.models import Broker, BrokerStatus
from console.models.roles import as_owner, set_up_runtime_role

TOKEN_NAME = "bin/up"  # noqa: S105 (its name, not its value)
TOKEN_LIVES = timedelta(days=365)


def _migrations_are_missing() -> bool:
    """Return whether migrations are missing. `migrate` itself needs a second to find nothing to do,
    at every start."""
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


class Command(BaseCommand):
    help = "Set up the database for bin/up. Reads JSON from standard input."

    def handle(self, *args: Any, **options: Any) -> None:
        wanted = json.load(sys.stdin)
        with as_owner():
            if _migrations_are_missing():
                call_command("migrate", interactive=False, verbosity=0)
            else:
                # A start that was killed right after its migrations didn't get here.
                set_up_runtime_role()
        if wanted["collect_static"]:
            call_command("collectstatic", interactive=False, verbosity=0, clear=True)
        try:
            current = self._set_up(wanted)
        except ConsoleError as error:
            raise CommandError(error.message) from None
        self.stdout.write(json.dumps({"password_is_current": current}))

    @staticmethod
    def _set_up(wanted: dict[str, Any]) -> bool:
        administrator, broker = wanted["administrator"], dict(wanted["broker"])
        users = get_user_model().objects
        user = users.filter(username=administrator["name"]).first()
        if user is None:
            ensure_admin(administrator["name"], administrator["password"])
            user = users.get(username=administrator["name"])
        now = timezone.now()
        ensure_token(user, TOKEN_NAME, administrator["token"], TOKEN_LIVES, now)
        name = broker.pop("name")
        # An earlier start's node may have the same names. It is disabled below.
        ensure_broker(name, broker, now, allow_duplicate=True)
        # Poll it now, even if a refused login paused its polling.
        BrokerStatus.objects.filter(broker__name=name).update(next_poll_at=now, failures=0)
        absent = wanted.get("disable")
        if absent and Broker.objects.filter(**absent, enabled=True).exists():
            ensure_broker(absent["name"], {"enabled": False}, now)
        return user.check_password(administrator["password"])
