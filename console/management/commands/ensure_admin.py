"""`manage.py ensure_admin`: make sure that an administrator with this name and password exists.

Reads CONSOLE_ADMIN_USER and CONSOLE_ADMIN_PASSWORD (or CONSOLE_ADMIN_PASSWORD_FILE) from the
environment, so that the password is on no command line. Running it again changes nothing. A
different password replaces the old one, which ends the person's sessions and revokes their API
tokens (`--keep-tokens` keeps them). Prints no secret.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from accessctl.sessions.service import end_sessions_of
from accessctl.tokens.service import revoke_tokens_of
from console.audit import record
from console.settings.env import env, env_str


class Command(BaseCommand):
    help = "Create or update the administrator named by CONSOLE_ADMIN_USER."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--keep-tokens",
            action="store_true",
            help="keep the account's API tokens when the password changes",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        name = env_str("CONSOLE_ADMIN_USER")
        # Not env_str: a password is used unchanged, including spaces.
        password = str(env.str("CONSOLE_ADMIN_PASSWORD", default=""))
        if not name or not password:
            raise CommandError("Set CONSOLE_ADMIN_USER and CONSOLE_ADMIN_PASSWORD.")
        done = ensure_admin(name, password, keep_tokens=options["keep_tokens"])
        self.stdout.write(f"Administrator {name}: {done}.")


def ensure_admin(name: str, password: str, *, keep_tokens: bool = False) -> str:
    """Create or update the administrator; return what was done, in words. Raises CommandError for
    an invalid name or password."""
    users = get_user_model()
    wanted = {"is_active": True, "is_staff": True, "is_superuser": True}
    with transaction.atomic():
        user = users.objects.select_for_update().filter(username=name).first()
        existed = user is not None
        user = user or users(username=name)
        changed = {key: value for key, value in wanted.items() if getattr(user, key) != value}
        for key, value in changed.items():
            setattr(user, key, value)
        keeps_password = existed and user.check_password(password)
        if not keeps_password:
            try:
                user.full_clean(exclude=["password"])
                validate_password(password, user)
            except ValidationError as error:
                raise CommandError(" ".join(error.messages)) from None
            user.set_password(password)
        if existed and keeps_password and not changed:
            return "already up to date"
        user.save()
        record(
            "users:ensure-admin",
            target_kind="user",
            target=name,
            acting_user=None,
            after={**wanted, "password": "kept" if keeps_password else "set"},
        )
        if existed and not keeps_password:
            end_sessions_of(user, acting_user=None)
            if not keep_tokens:
                revoke_tokens_of(user, acting_user=None)
    return "updated" if existed else "created"
