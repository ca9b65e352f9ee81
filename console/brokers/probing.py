"""Test connection: the steps of reaching a broker, each apart, for stored and unsaved settings."""

from __future__ import annotations

from dataclasses import replace

from console.brokers.connect import address_policy, endpoint_of, make_endpoint
from console.brokers.registry import BrokerSettings, checked_columns, is_moved
from console.errors import InvalidField
from console.models import Broker
from console.rabbitmq.endpoint import AmqpEndpoint, Endpoint, Tls
from console.rabbitmq.network.addresses import parse_amqp_url
from console.rabbitmq.probe import ProbeStep, probe
from console.secrets import decrypt


def probe_broker(broker: Broker) -> list[ProbeStep]:
    """With what is stored. Raises BrokerTrouble where the password is missing, WrongEncryptionKey
    where it cannot be decrypted."""
    endpoint = endpoint_of(broker)
    return probe(endpoint, _amqp_endpoint(broker.amqp_url, endpoint))


def probe_settings(settings: BrokerSettings) -> list[ProbeStep]:
    """With what somebody typed; nothing is stored. Raises InvalidField."""
    columns = checked_columns(settings)
    if not settings.password:
        raise InvalidField("password", "Enter the password of the broker's user.")
    endpoint = make_endpoint(
        management_url=columns["management_url"],
        username=settings.username,
        password=settings.password,
        tls=Tls(
            verify=settings.tls_verify,
            ca_pem=settings.tls_ca_pem,
            server_name=settings.tls_server_name,
        ),
    )
    return probe(endpoint, _amqp_endpoint(columns["amqp_url"], endpoint))


def probe_edited(broker: Broker, settings: BrokerSettings) -> list[ProbeStep]:
    """With what somebody typed over a stored broker. Without a password the stored one is used,
    but only where the connection still leads to the same server. Raises InvalidField,
    WrongEncryptionKey."""
    if not settings.password and broker.has_password:
        columns = checked_columns(settings)
        if is_moved({name: getattr(broker, name) for name in columns}, columns):
            raise InvalidField(
                "password",
                "Enter the password again. The stored password isn't sent to a new "
                "address or over a connection with different TLS settings.",
            )
        settings = replace(settings, password=decrypt(broker.password_encrypted))
    return probe_settings(settings)


def _amqp_endpoint(amqp_url: str, endpoint: Endpoint) -> AmqpEndpoint | None:
    if not amqp_url:
        return None
    url = parse_amqp_url(amqp_url)
    return AmqpEndpoint(
        scheme="amqps" if url.scheme == "amqps" else "amqp",
        host=url.host,
        port=url.port,
        credentials=endpoint.credentials,
        vhost=url.vhost,
        tls=endpoint.tls,
        policy=address_policy(),
    )
