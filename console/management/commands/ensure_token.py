"""`manage.py ensure_token`: make sure that a user has a valid API token with this name.

    ensure_token --user admin --name bin-up --stdin < token      uses the given token
    ensure_token --user admin --name bin-up --output FILE        creates one, writes it to FILE (0600)

With `--stdin` (one line: wrn_ and 64 hexadecimal digits), running it again changes nothing while
the token is valid for more than 31 days. After that, or with another token, the old token of that
name is revoked and replaced by the given one. With `--output`, each run creates a new token and
revokes the old one of that name. Tokens are valid for `--days` days (365). Prints no secret.
"""

from __future__ import annotations

import os
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from accessctl.models import ApiToken
from accessctl.tokens.service import create_token, find_token, revoke_token
from console.errors import ConsoleError

_RENEW_BEFORE = timedelta(days=31)


class Command(BaseCommand):
    help = "Ensure that a user has a valid API token with this name."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--user", required=True, help="the username")
        parser.add_argument("--name", required=True, help="the name of the token")
        parser.add_argument("--days", type=int, default=365, help="lifetime in days (default: 365)")
        way = parser.add_mutually_exclusive_group(required=True)
        way.add_argument("--stdin", action="store_true", help="read the token from standard input")
        way.add_argument("--output", type=Path, help="write a new token to this file")

    def handle(self, *args: Any, **options: Any) -> None:
        user = get_user_model().objects.filter(username=options["user"]).first()
        if user is None:
            raise CommandError(f"User {options['user']} not found.")
        wanted = sys.stdin.read(1000).strip() if options["stdin"] else ""
        if options["stdin"] and not wanted:
            raise CommandError("Standard input contains no token.")
        try:
            token, value = ensure_token(
                user, options["name"], wanted, timedelta(days=options["days"]), timezone.now()
            )
        except ConsoleError as error:
            raise CommandError(error.message) from None
        if options["output"]:
            _write_private(options["output"], value)
        self.stdout.write(f"Token {token} of {user} is valid until {token.expiry:%Y-%m-%d}.")


def ensure_token(
    user: Any, name: str, wanted: str, expires_in: timedelta, now: datetime
) -> tuple[ApiToken, str]:
    """Return the row and the token. `wanted` is the token to store, or empty for a new one."""
    with transaction.atomic():
        present = find_token(wanted) if wanted else None
        if present is not None and present.user_id != user.pk:
            raise CommandError("Another user has this token.")
        lasts = present is not None and not present.is_expired(now + _RENEW_BEFORE)
        if present is not None and lasts and present.name == name:
            return present, wanted
        for old in ApiToken.objects.filter(user=user, name=name).select_related("user"):
            revoke_token(old, acting_user=None)
        if present is not None and present.name != name:
            revoke_token(present, acting_user=None)
        return create_token(
            user=user, name=name, expires_in=expires_in, now=now, acting_user=None, value=wanted
        )


def _write_private(path: Path, value: str) -> None:
    """Write a temporary file and rename it: nobody reads a partial token or an open file."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.unlink(missing_ok=True)
    try:
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(value + "\n")
        beside.replace(path)
    except OSError as error:
        raise CommandError(f"Can't write {path}: {error.strerror}.") from None
