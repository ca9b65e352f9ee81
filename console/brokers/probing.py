"""Test connection: try each step of reaching a broker, for stored and unsaved settings."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from console.audit import User
from console.brokers.broker_settings import BrokerSettings, checked_columns, is_moved
from console.brokers.connect import address_policy, endpoint_of, make_endpoint, stored_client_key
from console.brokers.twins import already_registered, twin_at
from console.errors import InvalidField
from console.models import Broker
from console.rabbitmq.advice import advice_on
from console.rabbitmq.endpoint import AmqpEndpoint, Endpoint, Timeouts, Tls
from console.rabbitmq.errors import BrokerError, OtherCluster, Unreachable
from console.rabbitmq.findings import Outcome, ProbeStep
from console.rabbitmq.management.client import ManagementClient
from console.rabbitmq.network.addresses import parse_amqp_url
from console.rabbitmq.probe import probe
from console.rabbitmq.text import printable
from console.rabbitmq.types import Overview
from console.secrets import decrypt

_QUICK = Timeouts(connect=2, read=4, total=4)


def probe_broker(broker: Broker, viewer: User) -> list[ProbeStep]:
    """Probe with the stored settings. Raises BrokerTrouble if no password is stored,
    WrongEncryptionKey if it can't be decrypted."""
    endpoint = endpoint_of(broker)
    steps = probe(endpoint, _amqp_endpoint(broker.amqp_url, endpoint))
    steps += other_urls(steps, endpoint, broker.other_urls)
    return [*steps, *_duplicate(steps, endpoint, viewer, besides=broker.pk)]


def probe_settings(
    settings: BrokerSettings, viewer: User, *, besides: int | None = None
) -> list[ProbeStep]:
    """Probe with settings that somebody entered; nothing is stored. `besides`: ID of the broker
    that is edited, which doesn't count as a duplicate. Raises InvalidField."""
    columns = checked_columns(settings)
    if not settings.password:
        raise InvalidField("password", "Enter the password of the broker's user.")
    if settings.tls_client_certificate and not settings.tls_client_key:
        raise InvalidField("tls_client_key", "Enter the key of the client certificate.")
    endpoint = make_endpoint(
        management_url=columns["management_url"],
        username=settings.username,
        password=settings.password,
        tls=Tls(
            verify=settings.tls_verify,
            ca_pem=settings.tls_ca_pem,
            server_name=settings.tls_server_name,
            client_pem=settings.tls_client_certificate,
            client_key=settings.tls_client_key,
        ),
    )
    steps = probe(endpoint, _amqp_endpoint(columns["amqp_url"], endpoint))
    steps += other_urls(steps, endpoint, columns["other_urls"])
    return [*steps, *_duplicate(steps, endpoint, viewer, besides=besides)]


def other_urls(steps: list[ProbeStep], first: Endpoint, urls: str) -> list[ProbeStep]:
    """Return a step for each other management URL: whether it answers, and is the same cluster as
    the first. None if the first couldn't be read."""
    if not urls or not any(s.name == "version" and s.outcome != "skipped" for s in steps):
        return []
    try:
        with ManagementClient(replace(first, timeouts=_QUICK)) as client:
            known = client.overview()
    except BrokerError:
        return []
    with ThreadPoolExecutor(8, thread_name_prefix="probe") as pool:
        return list(pool.map(lambda url: _other_url(first, url, known), urls.splitlines()))


def _other_url(first: Endpoint, url: str, known: Overview) -> ProbeStep:
    began = time.monotonic()
    outcome: Outcome = "ok"
    advice = ""
    try:
        with ManagementClient(replace(first, url=url, timeouts=_QUICK)) as client:
            found = client.overview()
        nodes = {listener.node for listener in found.listeners} | {found.node or ""}
        same = {listener.node for listener in known.listeners} | {known.node or ""}
        if found.cluster_name != known.cluster_name or not nodes & same - {""}:
            raise OtherCluster(
                f"{url} belongs to another cluster: {printable(found.cluster_name or '?', 100)}."
            )
        message = f"{url} answers as {printable(found.node or 'a node of this cluster', 100)}."
    except BrokerError as error:
        outcome = "warning" if isinstance(error, Unreachable) else "failed"
        message, advice = f"{url}: {error.detail or error.summary}", advice_on("login", error)
    return ProbeStep(
        "other_url", outcome, message, advice, round((time.monotonic() - began) * 1000)
    )


def _duplicate(
    steps: list[ProbeStep], endpoint: Endpoint, viewer: User, *, besides: int | None
) -> list[ProbeStep]:
    """Return a step that warns if another registered broker is the same cluster; else none."""
    if not any(step.name == "version" and step.outcome in ("ok", "warning") for step in steps):
        return []
    twin = twin_at(endpoint, besides=besides)
    if twin is None:
        return []
    advice = "Use the broker that is registered, or confirm that you want it twice."
    return [ProbeStep("duplicate", "warning", already_registered(twin, viewer), advice)]


def probe_edited(broker: Broker, settings: BrokerSettings, viewer: User) -> list[ProbeStep]:
    """Probe with settings entered for a stored broker.

    Without a password, the stored one is used, but only if the settings still lead to the same
    server. The stored client key is used too; it never leaves the console. Raises InvalidField,
    WrongEncryptionKey.
    """
    if settings.tls_client_certificate and not settings.tls_client_key:
        settings = replace(settings, tls_client_key=stored_client_key(broker))
    if not settings.password and broker.has_password:
        columns = checked_columns(settings)
        if is_moved({name: getattr(broker, name) for name in columns}, columns):
            raise InvalidField(
                "password",
                "Enter the password again. The stored password isn't sent to a new "
                "address or over a connection with different TLS settings.",
            )
        settings = replace(settings, password=decrypt(broker.password_encrypted))
    return probe_settings(settings, viewer, besides=broker.pk)


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
