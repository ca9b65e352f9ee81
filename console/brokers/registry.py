"""The registry of brokers: add, edit, switch, forget. Each in one transaction with its audit row."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from console.audit import User, record
from console.brokers.connect import address_policy
from console.errors import InvalidField, Stale
from console.models import Broker, BrokerLease, BrokerStatus
from console.rabbitmq.endpoint import Secret, Tls
from console.rabbitmq.errors import AddressForbidden, TlsFailed
from console.rabbitmq.network.addresses import (
    BadAddress,
    ParsedUrl,
    check_literal,
    parse_amqp_url,
    parse_management_url,
)
from console.rabbitmq.network.tls import tls_context
from console.secrets import encrypt

#: Unicode categories of characters that do not show, or that change how others show.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
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
    columns = checked_columns(settings)
    if not settings.password:
        raise InvalidField("password", "Enter the password of the broker's user.")
    with transaction.atomic():
        broker = Broker(**columns, password_encrypted=encrypt(settings.password))
        _refuse_taken_name(broker)
        with _name_taken_meanwhile(broker):
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
    """Changes what differs. Changing where the broker is (scheme, host, port, path prefix), or how it
    proves who it is, clears the stored password unless a new one is given with it: a saved password is never sent to a server
    that somebody else named. Raises InvalidField, Stale."""
    columns = checked_columns(settings)
    with transaction.atomic():
        _wait_for_polls(broker)
        broker = Broker.objects.select_for_update().get(pk=broker.pk)
        if expected_generation is not None and broker.generation != expected_generation:
            raise Stale(
                "Someone else changed this broker. Reload it, then try again.",
                {"generation": broker.generation},
            )
        before = {name: getattr(broker, name) for name in columns}
        changed = {name: value for name, value in columns.items() if before[name] != value}
        moved = is_moved(before, columns)
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
        with _name_taken_meanwhile(broker):
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
    """Removes the broker and its history from the console. The broker itself is not touched. What is
    under way for it ends first, or finds the broker gone and writes nothing."""
    with transaction.atomic():
        list(BrokerLease.objects.select_for_update().filter(broker=broker))
        _wait_for_polls(broker)
        # Whoever writes rollups holds the brokers, so the two never lock each other out.
        list(Broker.objects.select_for_update().filter(pk=broker.pk))
        record(
            "brokers:forget",
            target_kind="broker",
            target=broker.name,
            broker=broker,
            acting_user=acting_user,
            before=_audited({name: getattr(broker, name) for name in ("name", "management_url")}),
        )
        broker.delete()


def _wait_for_polls(broker: Broker) -> None:
    """Locks the row that polls, inventories and read-backs lock before they write anything about the
    broker. Everybody locks it before the broker's own row, so that nobody waits in a circle."""
    list(BrokerStatus.objects.select_for_update().filter(broker=broker))


def checked_columns(settings: BrokerSettings) -> dict[str, Any]:
    """The columns as they are stored, addresses in their one spelling. Raises InvalidField."""
    columns = settings.columns()
    if not settings.name.strip():
        raise InvalidField("name", "Enter a name for the broker.")
    columns["management_url"] = _checked_address(
        "management_url", settings.management_url, parse_management_url
    )
    if settings.amqp_url:
        columns["amqp_url"] = _checked_address("amqp_url", settings.amqp_url, parse_amqp_url)
    if not settings.username:
        raise InvalidField("username", "Enter the username of the broker's user.")
    if ":" in settings.username:
        raise InvalidField(
            "username", "A username with a colon can't sign in over HTTP. Use another user."
        )
    if len(settings.username.encode()) > 255:
        raise InvalidField("username", "A username has at most 255 bytes.")
    for name in ("name", "username", "tls_server_name"):
        if _HIDDEN & {unicodedata.category(character) for character in columns[name]}:
            raise InvalidField(name, "Remove control characters and invisible characters.")
    if settings.tls_ca_pem:
        try:
            tls_context(Tls(ca_pem=settings.tls_ca_pem))
        except TlsFailed as error:
            raise InvalidField("tls_ca_pem", str(error)) from None
    try:
        Broker(**columns).clean_fields(exclude=["password_encrypted"])
    except ValidationError as error:
        field_name, messages = next(iter(error.message_dict.items()))
        raise InvalidField(field_name, messages[0]) from None
    return columns


def _checked_address(name: str, text: str, parse: Callable[[str], ParsedUrl]) -> str:
    try:
        url = parse(text)
        # A name is checked when it resolves, on every connect; an IP address can be refused now.
        check_literal(url.host, address_policy())
    except (BadAddress, AddressForbidden) as error:
        raise InvalidField(name, str(error)) from None
    return url.text


def is_moved(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether the columns `after` may lead to another server than those `before`: then a stored
    password must not be sent."""
    return any(_identity(name, before[name]) != _identity(name, after[name]) for name in _IDENTITY)


def _identity(name: str, value: Any) -> Any:
    """What of a column decides where credentials go. Of the management URL that is all of it: behind
    a shared proxy another path prefix is another tenant's server."""
    return parse_management_url(value).text if name == "management_url" else value


def _refuse_taken_name(broker: Broker) -> None:
    if Broker.objects.filter(name=broker.name).exclude(pk=broker.pk).exists():
        raise _name_taken(broker)


def _name_taken(broker: Broker) -> InvalidField:
    return InvalidField(
        "name", f"A broker named {broker.name} already exists. Choose another name."
    )


@contextmanager
def _name_taken_meanwhile(broker: Broker) -> Iterator[None]:
    """Two people who take one name at one time: the second is told as if he had come later."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError:
        raise _name_taken(broker) from None


def _audited(columns: dict[str, Any]) -> dict[str, Any]:
    """The columns as they may stand in the audit trail: a certificate as its length."""
    return {
        name: f"{len(value)} characters" if name == "tls_ca_pem" and value else value
        for name, value in columns.items()
    }
