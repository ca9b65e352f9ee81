"""Turn a broker's row into a connection (only this module does), and tolerate brokers that are
removed during background work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from django.conf import settings

from console.errors import BrokerTrouble
from console.models import Broker, BrokerStatus
from console.rabbitmq.endpoint import AddressPolicy, Credentials, Endpoint, Secret, Timeouts, Tls
from console.rabbitmq.management.client import ManagementClient
from console.secrets import decrypt

log = structlog.get_logger(__name__)


def address_policy() -> AddressPolicy:
    return AddressPolicy(
        allow_loopback=settings.ALLOW_LOOPBACK_BROKERS,
        allow_private=settings.ALLOW_PRIVATE_BROKERS,
    )


def current_url(broker: Broker) -> str:
    """Return the management URL to use now: the one that answered the last poll. Only polls choose
    another one, so a call that was sent is never repeated at another node."""
    if not broker.other_urls:
        return broker.management_url
    status = BrokerStatus.objects.filter(pk=broker.pk).only("answered_url").first()
    answered = status.answered_url if status else ""
    return answered if answered in broker.management_urls else broker.management_url


def endpoint_of(
    broker: Broker, *, timeouts: Timeouts | None = None, url: str | None = None
) -> Endpoint:
    """Return the broker's endpoint at `url`, one of its management URLs; None: the current one.
    Raises BrokerTrouble if no password is stored, WrongEncryptionKey if the password or the client
    key can't be decrypted."""
    if not broker.has_password:
        raise BrokerTrouble(
            f"No password is stored for {broker.name}. Edit the broker and enter it.",
            {"field": "password"},
        )
    return make_endpoint(
        management_url=url or current_url(broker),
        username=broker.username,
        password=decrypt(broker.password_encrypted),
        tls=Tls(
            verify=broker.tls_verify,
            ca_pem=broker.tls_ca_pem,
            server_name=broker.tls_server_name,
            client_pem=broker.tls_client_certificate,
            client_key=stored_client_key(broker),
        ),
        timeouts=timeouts,
    )


def stored_client_key(broker: Broker) -> Secret | None:
    """Return the decrypted client key; None if none is stored. Raises WrongEncryptionKey."""
    return decrypt(broker.tls_client_key_encrypted) if broker.has_tls_client_key else None


def make_endpoint(
    *,
    management_url: str,
    username: str,
    password: Secret,
    tls: Tls,
    timeouts: Timeouts | None = None,
) -> Endpoint:
    return Endpoint(
        url=management_url,
        credentials=Credentials(username, password),
        tls=tls,
        timeouts=timeouts or Timeouts(),
        policy=address_policy(),
    )


def connect(
    broker: Broker, *, timeouts: Timeouts | None = None, url: str | None = None
) -> ManagementClient:
    """Return a client to use in a `with` block. Raises the same errors as `endpoint_of`; its
    methods raise BrokerError."""
    return ManagementClient(endpoint_of(broker, timeouts=timeouts, url=url))


@contextmanager
def unless_forgotten(broker_id: int) -> Iterator[None]:
    """Wrap background work on a broker: ignore any error if the broker was removed from the console
    in the meantime. Otherwise the error is raised."""
    try:
        yield
    except Exception as error:
        if Broker.objects.filter(pk=broker_id).exists():
            raise
        log.info("broker_forgotten_meanwhile", broker=broker_id, error=type(error).__name__)
