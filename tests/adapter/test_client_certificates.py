"""Brokers that ask for a certificate of the console: shown over HTTPS and AMQPS, and said where it is missing."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from console.local.folder import StateFolder
from console.local.servers.ports import Ports
from console.rabbitmq import errors
from console.rabbitmq.amqp.connection import connected
from console.rabbitmq.amqp.proving.proof import prove
from console.rabbitmq.endpoint import AmqpEndpoint, Credentials, Endpoint, Secret, Timeouts, Tls
from console.rabbitmq.http.exchange import BoundedHttp
from console.rabbitmq.management.client import ManagementClient
from console.rabbitmq.network.tls import tls_context
from console.rabbitmq.probe import probe
from tests.adapter.conftest import LOCAL, QUICK
from tests.certificates import Authority, Issued, protected
from tests.faults.hostile import HostileServer, replies
from tests.faults.own_node import OwnNode

pytestmark = pytest.mark.faults

OURS, THEIRS = Authority("ours"), Authority("theirs")
SERVER, CLIENT = OURS.issue("broker.example"), OURS.issue("warren")
VERSIONS = pytest.mark.parametrize(
    "version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["TLS 1.2", "TLS 1.3"]
)


def showing(issued: Issued | None) -> Tls:
    if issued is None:
        return Tls(ca_pem=OURS.pem)
    return Tls(ca_pem=OURS.pem, client_pem=issued.pem, client_key=Secret(issued.key))


def demanding(folder: Path, version: ssl.TLSVersion) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = context.maximum_version = version
    context.load_cert_chain(*SERVER.write(folder, "server"))
    context.load_verify_locations(cadata=OURS.pem)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def endpoint_at(port: int, tls: Tls) -> Endpoint:
    credentials = Credentials("watcher", Secret("p"))
    return Endpoint(f"https://127.0.0.1:{port}", credentials, tls=tls, policy=LOCAL, timeouts=QUICK)


@VERSIONS
def test_a_client_certificate_is_shown_to_who_demands_it(
    tmp_path: Path, version: ssl.TLSVersion
) -> None:
    with HostileServer(replies(b"{}"), tls=demanding(tmp_path, version)) as server:
        with BoundedHttp(endpoint_at(server.port, showing(CLIENT))) as http:
            assert http.get("/api/whoami") == b"{}"
        for refused in (None, THEIRS.issue("warren"), OURS.issue("w", until=timedelta(days=-1))):
            with (
                BoundedHttp(endpoint_at(server.port, showing(refused))) as http,
                # An alert may be lost with the connection, but not taken for anything else.
                pytest.raises((errors.ClientCertificateRefused, errors.ConnectionLost)),
            ):
                http.get("/api/whoami")


@VERSIONS
def test_a_missing_client_certificate_is_named_by_the_test_of_the_connection(
    tmp_path: Path, version: ssl.TLSVersion
) -> None:
    with HostileServer(replies(b"{}"), tls=demanding(tmp_path, version)) as server:
        steps = probe(endpoint_at(server.port, showing(None)))
    failed = next(step for step in steps if step.outcome == "failed")
    assert failed.name == "tls"
    assert "client certificate" in failed.message
    assert "Give a client certificate" in failed.advice
    assert "proxy" not in failed.advice


@pytest.mark.parametrize(
    ("certificate", "key", "says"),
    [
        (CLIENT.pem, SERVER.key, "doesn't belong"),
        (CLIENT.pem, "", "no readable PEM"),
        ("garbage \u2603", CLIENT.key, "no readable PEM"),
        (CLIENT.pem, "\u2603" * 9, "no readable PEM"),
        (CLIENT.pem, protected(CLIENT), "passphrase"),
    ],
    ids=["of another", "none", "garbage", "garbage as key", "protected"],
)
def test_what_cannot_be_shown_is_said(certificate: str, key: str, says: str) -> None:
    with pytest.raises(errors.ClientCertificateRefused, match=says):
        tls_context(Tls(client_pem=certificate, client_key=Secret(key)))


def test_a_key_is_in_no_text_of_the_connection() -> None:
    tls = showing(CLIENT)
    assert CLIENT.key.splitlines()[1] not in f"{tls!r} {tls}"


def wait_for(port: int) -> None:
    """RabbitMQ opens its TLS listeners last."""
    for _ in range(300):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    pytest.fail(f"Nothing listens on port {port}.")


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Endpoint, AmqpEndpoint]]:
    """A RabbitMQ node that demands a client certificate on both of its TLS listeners."""
    folder = tmp_path_factory.mktemp("tls-node")
    certificate, key = SERVER.write(folder, "server")
    (folder / "ca.pem").write_text(OURS.pem)
    ports = Ports(StateFolder(folder / "state"))
    (folder / "state").mkdir()
    https, amqps = ports.choose("https"), ports.choose("amqps")
    files = {"cacertfile": folder / "ca.pem", "certfile": certificate, "keyfile": key}
    demands = {**files, "verify": "verify_peer", "fail_if_no_peer_cert": "true"}
    settings = [f"listeners.ssl.1 = 127.0.0.1:{amqps}"]
    settings += [f"ssl_options.{name} = {value}" for name, value in demands.items()]
    settings += [f"management.ssl.port = {https}", "management.ssl.ip = 127.0.0.1"]
    settings += [f"management.ssl.{name} = {value}" for name, value in demands.items()]
    with OwnNode(folder / "node", settings=tuple(settings)) as node:
        login = urlsplit(node.url)
        credentials = Credentials(login.username or "", Secret(login.password or ""))
        common = {"policy": LOCAL, "timeouts": Timeouts(), "tls": showing(CLIENT)}
        wait_for(amqps)
        yield (
            Endpoint(f"https://127.0.0.1:{https}", credentials, **common),  # type: ignore[arg-type]
            AmqpEndpoint("amqps", "127.0.0.1", amqps, credentials, **common),  # type: ignore[arg-type]
        )


def test_a_live_broker_that_verifies_its_peers_is_managed_and_tested(
    node: tuple[Endpoint, AmqpEndpoint],
) -> None:
    endpoint, amqp = node
    with ManagementClient(endpoint) as client:
        assert client.whoami().name == endpoint.credentials.username
    with connected(amqp) as connection:
        assert connection.is_open
    steps = {step.name: step for step in probe(endpoint, amqp)}
    assert steps["tls"].outcome == "ok"
    assert "Client certificate sent" in steps["tls"].message
    assert steps["amqp"].outcome == "ok"


def test_a_live_broker_that_verifies_its_peers_is_named_as_the_reason(
    node: tuple[Endpoint, AmqpEndpoint],
) -> None:
    endpoint, amqp = (replace(one, tls=showing(None)) for one in node)
    steps = probe(endpoint, amqp)
    failed = [step for step in steps if step.outcome == "failed"]
    assert [step.name for step in failed] == ["tls", "amqp"]
    for step in failed:
        assert "client certificate" in step.message
        assert "Give a client certificate" in step.advice


def test_a_sign_in_is_proven_through_tls_with_a_client_certificate_and_not_without(
    node: tuple[Endpoint, AmqpEndpoint],
) -> None:
    _, amqp = node
    steps = prove(amqp, messages=True)
    assert [step.outcome for step in steps] == ["ok"] * len(steps)
    assert steps[2].message.endswith("The console's client certificate was sent.")
    refused = prove(replace(amqp, tls=showing(None)), messages=True)
    (failed,) = [step for step in refused if step.outcome == "failed"]
    assert failed.name == "tls"
    assert "Give a client certificate" in failed.advice
