"""The registry of brokers: add, edit, enable, disable, forget. Each in one transaction with its
audit row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from console.audit import User, record
from console.brokers.broker_settings import (
    BrokerSettings,
    check_key_is_there,
    checked_columns,
    is_moved,
)
from console.brokers.connect import make_endpoint
from console.brokers.leftovers import end_changes_with
from console.brokers.twins import already_registered, twin_at
from console.errors import InvalidField, Stale
from console.models import Broker, BrokerLease, BrokerStatus
from console.rabbitmq.endpoint import Secret, Tls
from console.secrets import encrypt

_PEM = ("tls_ca_pem", "tls_client_certificate")


def add_broker(
    settings: BrokerSettings, *, now: datetime, acting_user: User, allow_duplicate: bool = False
) -> Broker:
    """Create a broker, due for its first poll at `now`. Raises InvalidField, also if the cluster is
    already registered, unless `allow_duplicate`."""
    columns = checked_columns(settings)
    if not settings.password:
        raise InvalidField("password", "Enter the password of the broker's user.")
    if not allow_duplicate:
        _refuse_twin(settings, columns, acting_user)
    with transaction.atomic():
        broker = Broker(**columns, password_encrypted=encrypt(settings.password))
        key_note = _set_client_key(broker, settings)
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
            after={**_audited(columns), "password": "set", **key_note},
        )
    return broker


def _refuse_twin(settings: BrokerSettings, columns: Mapping[str, Any], acting_user: User) -> None:
    endpoint = make_endpoint(
        management_url=columns["management_url"],
        username=settings.username,
        password=settings.password or Secret(""),
        tls=Tls(
            verify=settings.tls_verify,
            ca_pem=settings.tls_ca_pem,
            server_name=settings.tls_server_name,
        ),
    )
    if twin := twin_at(endpoint):
        raise InvalidField("allow_duplicate", already_registered(twin, acting_user))


def edit_broker(
    broker: Broker,
    settings: BrokerSettings,
    *,
    now: datetime,
    acting_user: User,
    expected_generation: int | None = None,
) -> Broker:
    """Change what differs.

    A change of the address (scheme, host, port, path prefix) or of how the server is verified
    clears the stored password unless a new one is given: a saved password is never sent to a server
    that somebody else named. Raises InvalidField, Stale.
    """
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
        # Before the new certificate is set: it must fit the stored key.
        key_note = _set_client_key(broker, settings)
        for name, value in changed.items():
            setattr(broker, name, value)
        if settings.password:
            broker.password_encrypted, password_note = encrypt(settings.password), "changed"
        elif moved and broker.has_password:
            broker.password_encrypted, password_note = "", "cleared"
        if not changed and not password_note and not key_note:
            return broker
        _refuse_taken_name(broker)
        broker.generation += 1
        with _name_taken_meanwhile(broker):
            secrets = ("password_encrypted", "tls_client_key_encrypted")
            broker.save(update_fields=[*changed, *secrets, "generation", "updated_at"])
        # Something may be fixed now: reset the back-off and poll at once.
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
            after={**_audited(changed), **note, **key_note},
        )
    return broker


def _set_client_key(broker: Broker, settings: BrokerSettings) -> dict[str, str]:
    """Set the key that belongs to the certificate on the broker object, in memory: the new one,
    else the stored one. Returns what the audit log says about it; empty if nothing changes. Raises
    InvalidField if the two don't belong together.
    """
    had = broker.has_tls_client_key
    check_key_is_there(settings, broker)
    if not settings.tls_client_certificate:
        broker.tls_client_key_encrypted = ""
        return {"tls_client_key": "cleared"} if had else {}
    if not settings.tls_client_key:
        return {}
    broker.tls_client_key_encrypted = encrypt(settings.tls_client_key)
    return {"tls_client_key": "changed" if had else "set"}


def forget_broker(broker: Broker, *, now: datetime, acting_user: User) -> int:
    """Remove the broker and its history from the console; return how many unfinished changes ended
    with it. The broker itself isn't touched. A running call for it ends first, or finds the broker
    gone and writes nothing.
    """
    with transaction.atomic():
        list(BrokerLease.objects.select_for_update().filter(broker=broker))
        _wait_for_polls(broker)
        # The job that writes rollups locks the brokers too. The same order prevents a deadlock.
        list(Broker.objects.select_for_update().filter(pk=broker.pk))
        record(
            "brokers:forget",
            target_kind="broker",
            target=broker.name,
            broker=broker,
            acting_user=acting_user,
            before=_audited({name: getattr(broker, name) for name in ("name", "management_url")}),
        )
        ended = end_changes_with(broker, now=now, acting_user=acting_user)
        broker.delete()
        return ended


def _wait_for_polls(broker: Broker) -> None:
    """Lock the row that polls, inventories and read-backs lock before they write anything about the
    broker. It is always locked before the broker's own row, which prevents deadlocks."""
    list(BrokerStatus.objects.select_for_update().filter(broker=broker))


def _refuse_taken_name(broker: Broker) -> None:
    if Broker.objects.filter(name=broker.name).exclude(pk=broker.pk).exists():
        raise _name_taken(broker)


def _name_taken(broker: Broker) -> InvalidField:
    return InvalidField(
        "name", f"A broker named {broker.name} already exists. Choose another name."
    )


@contextmanager
def _name_taken_meanwhile(broker: Broker) -> Iterator[None]:
    """If two people take one name at the same time, the second gets the same error as if they had
    come later."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError:
        raise _name_taken(broker) from None


def _audited(columns: dict[str, Any]) -> dict[str, Any]:
    """Return the columns for the audit log: a certificate as its length."""
    return {
        name: f"{len(value)} characters" if name in _PEM and value else value
        for name, value in columns.items()
    }
