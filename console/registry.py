"""The registry of brokers: add, edit, switch, forget. Each in one transaction with its audit row."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from django.db import transaction

from console.audit import User, record
from console.errors import InvalidField, Stale
from console.models import Broker, BrokerStatus
from console.rabbitmq.addresses import BadAddress, parse_amqp_url, parse_management_url
from console.rabbitmq.endpoint import Secret
from console.secrets import encrypt

#: Changing any of these means another server may be asking for the password.
_IDENTITY = ("management_url", "amqp_url", "tls_verify", "tls_ca_pem", "tls_server_name")


@dataclass(frozen=True, kw_only=True)
class BrokerSettings:
    """What a person says of a broker. `password` None leaves the stored one as it is."""

    name: str
    environment: str
    management_url: str
    amqp_url: str = ""
    username: str
    password: Secret | None = field(default=None, repr=False)
    tls_verify: bool = True
    tls_ca_pem: str = ""
    tls_server_name: str = ""
    enabled: bool = True
    poll_interval_s: int = 10

    def columns(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "password"}


def add_broker(settings: BrokerSettings, *, now: datetime, acting_user: User) -> Broker:
    """A new broker, due for its first poll at `now`. Raises InvalidField."""
    columns = _checked(settings)
    if not settings.password:
        raise InvalidField("password", "Enter the password of the broker's user.")
    with transaction.atomic():
        broker = Broker(**columns, password_encrypted=encrypt(settings.password))
        _refuse_taken_name(broker)
        broker.save(force_insert=True)
        BrokerStatus.objects.create(
            broker=broker, state_since=now, next_poll_at=now, next_inventory_at=now
        )
        record(
            "brokers:add",
            target_kind="broker",
            target=broker.name,
            broker=broker,
            acting_user=acting_user,
            after={**_audited(columns), "password": "set"},
        )
    return broker


def edit_broker(
    broker: Broker,
    settings: BrokerSettings,
    *,
    now: datetime,
    acting_user: User,
    expected_generation: int | None = None,
) -> Broker:
    """Changes what differs. Changing where the broker is, or how it proves who it is, clears the
    stored password unless a new one is given with it: a saved password is never sent to a server
    that somebody else named. Raises InvalidField, Stale."""
    columns = _checked(settings)
    with transaction.atomic():
        broker = Broker.objects.select_for_update().get(pk=broker.pk)
        if expected_generation is not None and broker.generation != expected_generation:
            raise Stale(
                "This broker was changed by somebody else meanwhile. Look at it again first.",
                {"generation": broker.generation},
            )
        before = {name: getattr(broker, name) for name in columns}
        changed = {name: value for name, value in columns.items() if before[name] != value}
        moved = any(
            _identity(name, before[name]) != _identity(name, columns[name]) for name in _IDENTITY
        )
        password_note = ""
        for name, value in changed.items():
            setattr(broker, name, value)
        if settings.password:
            broker.password_encrypted, password_note = encrypt(settings.password), "changed"
        elif moved and broker.has_password:
            broker.password_encrypted, password_note = "", "cleared"
        if not changed and not password_note:
            return broker
        _refuse_taken_name(broker)
        broker.generation += 1
        broker.save(update_fields=[*changed, "password_encrypted", "generation", "updated_at"])
        # Somebody mended something: forget the back-off and look at once.
        BrokerStatus.objects.filter(broker=broker).update(
            next_poll_at=now, next_inventory_at=now, failures=0
        )
        note = {"password": password_note} if password_note else {}
        record(
            "brokers:edit",
            target_kind="broker",
            target=broker.name,
            broker=broker,
            acting_user=acting_user,
            before=_audited({name: before[name] for name in changed}),
            after={**_audited(changed), **note},
        )
    return broker


def forget_broker(broker: Broker, *, acting_user: User) -> None:
    """Removes the broker and its history from the console. The broker itself is not touched."""
    with transaction.atomic():
        record(
            "brokers:forget",
            target_kind="broker",
            target=broker.name,
            broker=broker,
            acting_user=acting_user,
            before=_audited({name: getattr(broker, name) for name in ("name", "management_url")}),
        )
        broker.delete()


def _checked(settings: BrokerSettings) -> dict[str, Any]:
    columns = settings.columns()
    try:
        columns["management_url"] = parse_management_url(settings.management_url).text
    except BadAddress as error:
        raise InvalidField("management_url", str(error)) from None
    if settings.amqp_url:
        try:
            columns["amqp_url"] = parse_amqp_url(settings.amqp_url).text
        except BadAddress as error:
            raise InvalidField("amqp_url", str(error)) from None
    if not settings.name.strip():
        raise InvalidField("name", "Enter a name for the broker.")
    if ":" in settings.username:
        raise InvalidField("username", "A user name with a colon cannot be sent over HTTP.")
    return columns


def _identity(name: str, value: Any) -> Any:
    """What of a column decides where credentials go: of a URL, all of it but the path prefix."""
    if name == "management_url":
        parsed = parse_management_url(value)
        return (parsed.scheme, parsed.host, parsed.port)
    return value


def _refuse_taken_name(broker: Broker) -> None:
    if Broker.objects.filter(name=broker.name).exclude(pk=broker.pk).exists():
        raise InvalidField("name", f"There is already a broker called {broker.name}.")


def _audited(columns: dict[str, Any]) -> dict[str, Any]:
    """The columns as they may stand in the audit trail: a certificate as its length."""
    return {
        name: f"{len(value)} characters" if name == "tls_ca_pem" and value else value
        for name, value in columns.items()
    }
