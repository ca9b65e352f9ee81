"""Misconfiguration as system checks: each with a stable id and a hint."""

from __future__ import annotations

from typing import Any

from cryptography.fernet import Fernet
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register


@register()
def check_secret_key(**kwargs: Any) -> list[CheckMessage]:
    if len(settings.SECRET_KEY) < 32:
        return [
            Error(
                "CONSOLE_SECRET_KEY is missing or shorter than 32 characters.",
                hint="Set it to a long random string; bin/up makes one under .local/.",
                id="console.E001",
            )
        ]
    return []


@register()
def check_encryption_keys(**kwargs: Any) -> list[CheckMessage]:
    if not settings.ENCRYPTION_KEYS:
        return [
            Error(
                "CONSOLE_ENCRYPTION_KEYS is missing.",
                hint="Set it to a Fernet key (44 characters); older keys may follow after commas.",
                id="console.E002",
            )
        ]
    for number, key in enumerate(settings.ENCRYPTION_KEYS, 1):
        try:
            Fernet(key)
        except ValueError:
            return [
                Error(
                    f"Key {number} of CONSOLE_ENCRYPTION_KEYS is not a Fernet key.",
                    hint="A Fernet key is 32 random bytes in URL-safe base64: 44 characters.",
                    id="console.E003",
                )
            ]
    return []


@register()
def check_database_is_postgres(**kwargs: Any) -> list[CheckMessage]:
    if not settings.DATABASES["default"]["ENGINE"].endswith("postgresql"):
        return [
            Error(
                "DATABASE_URL must name a Postgres database.",
                hint="For example postgres://user:password@host:5432/console.",
                id="console.E004",
            )
        ]
    return []


@register()
def check_retention(**kwargs: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    if not (
        settings.KEEP_SNAPSHOTS_DAYS
        <= settings.KEEP_ROLLUPS_5M_DAYS
        <= settings.KEEP_ROLLUPS_1H_DAYS
    ):
        found.append(
            Warning(
                "Coarser history is kept for a shorter time than finer history.",
                hint="Let CONSOLE_KEEP_SNAPSHOTS_DAYS <= CONSOLE_KEEP_ROLLUPS_5M_DAYS <= "
                "CONSOLE_KEEP_ROLLUPS_1H_DAYS.",
                id="console.W005",
            )
        )
    return found


@register()
def check_debug(**kwargs: Any) -> list[CheckMessage]:
    if settings.DEBUG and settings.CONSOLE_URL.startswith("https://"):
        return [
            Warning(
                "CONSOLE_DEBUG is on while the console is served over https.",
                hint="Turn CONSOLE_DEBUG off outside development: error pages would show internals.",
                id="console.W006",
            )
        ]
    return []
