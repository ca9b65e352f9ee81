"""`manage.py ensure_broker --name local`: create or update a broker with these settings.

Reads one JSON object from standard input, so that the password is on no command line:

    {"management_url": "http://127.0.0.1:15672", "username": "warren", "password": "…",
     "amqp_url": "amqp://127.0.0.1:5672", "environment": "development", "poll_interval_s": 10}

Keys are the fields of console.brokers.registry.BrokerSettings except `name`. Omitted fields keep
their value (or, for a new broker, get the default). Running it again changes nothing. Prints no
secret.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from console.brokers.broker_settings import SECRETS, BrokerSettings, must_be_storable
from console.brokers.connect import stored_client_key
from console.brokers.registry import add_broker, edit_broker
from console.errors import ConsoleError, WrongEncryptionKey
from console.models import Broker
from console.rabbitmq.endpoint import Secret
from console.secrets import decrypt

_FIELDS = {field.name: field for field in dataclasses.fields(BrokerSettings)}
_MAX_INPUT = 2_000_000


class Command(BaseCommand):
    help = "Create or update a broker with the settings on standard input (JSON)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--name", required=True, help="the broker's name in the console")
        parser.add_argument(
            "--allow-duplicate",
            action="store_true",
            help="add it although its cluster is registered already: it then counts twice in totals",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        given = _read_settings(sys.stdin.read(_MAX_INPUT))
        try:
            done = ensure_broker(
                options["name"],
                given,
                timezone.now(),
                allow_duplicate=options["allow_duplicate"],
            )
        except ConsoleError as error:
            raise CommandError(error.message) from None
        self.stdout.write(f"Broker {options['name']}: {done}.")


def ensure_broker(
    name: str, given: dict[str, Any], now: datetime, *, allow_duplicate: bool = False
) -> str:
    """Create or update the broker; return what was done, in words. Raises CommandError and
    ConsoleError."""
    must_be_storable("name", name)
    broker = Broker.objects.filter(name=name).first()
    secrets: dict[str, Any] = {key: Secret(given[key]) for key in SECRETS if given.get(key)}
    columns = {key: value for key, value in given.items() if key not in SECRETS}
    if broker is None:
        columns.setdefault("environment", Broker._meta.get_field("environment").get_default())
        missing = [
            key
            for key, field in _FIELDS.items()
            if field.default is dataclasses.MISSING and key not in (*columns, "name")
        ]
        if missing:
            raise CommandError(f"Missing: {', '.join(missing)}.")
        add_broker(
            BrokerSettings(name=name, **secrets, **columns),
            now=now,
            acting_user=None,
            allow_duplicate=allow_duplicate,
        )
        return "added"
    settings = dataclasses.replace(BrokerSettings.of(broker), **columns)
    if (
        "tls_client_key" in secrets
        and _stored(stored_client_key, broker) != secrets["tls_client_key"]
    ):
        settings = dataclasses.replace(settings, tls_client_key=secrets["tls_client_key"])
    with transaction.atomic():
        edited = edit_broker(broker, settings, now=now, acting_user=None)
        # Only now: the first edit may have deleted the stored password.
        if "password" in secrets and _stored(_password, edited) != secrets["password"]:
            settings = dataclasses.replace(
                settings, tls_client_key=None, password=secrets["password"]
            )
            edited = edit_broker(edited, settings, now=now, acting_user=None)
    return "changed" if edited.generation != broker.generation else "already up to date"


def _password(broker: Broker) -> Secret | None:
    return decrypt(broker.password_encrypted) if broker.has_password else None


def _stored(read: Callable[[Broker], Secret | None], broker: Broker) -> Secret | None:
    """Return the stored secret; None also if no key decrypts it, so that it is replaced."""
    try:
        return read(broker)
    except WrongEncryptionKey:
        return None


def _read_settings(text: str) -> dict[str, Any]:
    try:
        given = json.loads(text)
    except (ValueError, RecursionError):
        raise CommandError("Standard input isn't valid JSON.") from None
    if not isinstance(given, dict):
        raise CommandError("Standard input must be one JSON object.")
    unknown = sorted(set(given) - set(_FIELDS) | ({"name"} & set(given)))
    if unknown:
        raise CommandError(f"Unknown: {', '.join(unknown)}.")
    kinds = {"tls_verify": bool, "enabled": bool, "poll_interval_s": int}
    for key, value in given.items():
        if type(value) is not kinds.get(key, str):
            raise CommandError(f"{key} must be of type {kinds.get(key, str).__name__}.")
    return given
