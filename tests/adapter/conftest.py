"""Live brokers for the adapter's contract tests.

`RABBITMQ_TEST_URLS` names them, space-separated, as http://user:password@host:port of the management
API; where it is unset, `RABBITMQ_URL` names the one that bin/test starts. Each is used in a vhost of its own that is deleted at the end.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from console.rabbitmq.endpoint import (
    AddressPolicy,
    AmqpEndpoint,
    Credentials,
    Endpoint,
    Secret,
    Timeouts,
)
from console.rabbitmq.http.exchange import Answer, BoundedHttp
from console.rabbitmq.management.client import ManagementClient
from console.rabbitmq.management.paths import path, queue_path

LOCAL = AddressPolicy(allow_loopback=True, allow_private=True)
QUICK = Timeouts(connect=1.0, read=1.0, total=1.0)
_NONE_GIVEN = "none given"


@dataclass
class LiveBroker:
    """`vhost` is this test run's own. `put` and `delete` bypass what is tested where they can."""

    endpoint: Endpoint
    amqp: AmqpEndpoint
    version: tuple[int, int]
    vhost: str
    http: BoundedHttp

    def client(self, **changes: Any) -> ManagementClient:
        return ManagementClient(replace(self.endpoint, **changes))

    def send(self, method: str, raw_path: str, body: Any = None) -> Answer:
        """One request with a path of the caller's making; the answer of whatever status."""
        payload = b"" if body is None else json.dumps(body).encode()
        return self.http.exchange(method, raw_path, body=payload)

    def put(self, raw_path: str, body: Any = None) -> None:
        answer = self.send("PUT", raw_path, {} if body is None else body)
        assert answer.ok, (answer.status, answer.body)

    def delete(self, raw_path: str) -> None:
        answer = self.send("DELETE", raw_path)
        assert answer.ok or answer.status == 404, (answer.status, answer.body)

    def declare(self, name: str, **arguments: Any) -> str:
        self.put(queue_path(self.vhost, name), {"durable": True, "arguments": arguments})
        return name

    def as_user(self, name: str, password: str) -> Endpoint:
        return replace(self.endpoint, credentials=Credentials(name, Secret(password)))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "broker" in metafunc.fixturenames:
        urls = (os.environ.get("RABBITMQ_TEST_URLS") or os.environ.get("RABBITMQ_URL", "")).split()
        names = [urlsplit(url).netloc.rpartition("@")[2] for url in urls]
        metafunc.parametrize(
            "broker",
            urls or [_NONE_GIVEN],
            ids=names or [_NONE_GIVEN],
            indirect=True,
            scope="session",
        )


@pytest.fixture(autouse=True)
def _brokers_on_this_machine() -> None:
    """In place of the one that needs Django's settings: the adapter knows none."""


@pytest.fixture(scope="session")
def broker(request: pytest.FixtureRequest) -> Iterator[LiveBroker]:
    if request.param == _NONE_GIVEN:
        pytest.fail("Set RABBITMQ_TEST_URLS to the management URL of a RabbitMQ, or run bin/test.")
    parts = urlsplit(request.param)
    credentials = Credentials(unquote(parts.username or ""), Secret(unquote(parts.password or "")))
    endpoint = Endpoint(
        f"{parts.scheme}://{parts.hostname}:{parts.port}", credentials, policy=LOCAL
    )
    with ManagementClient(endpoint) as client:
        overview = client.overview()
        major, minor = overview.rabbitmq_version.split(".")[:2]
        port = next(item.port for item in overview.listeners if item.protocol == "amqp")
        vhost = f"adapter-{secrets.token_hex(4)}"
        amqp = AmqpEndpoint(
            "amqp", str(parts.hostname), port, credentials, vhost=vhost, policy=LOCAL
        )
        live = LiveBroker(endpoint, amqp, (int(major), int(minor)), vhost, client.http)
        live.put(path("vhosts", vhost))
        live.put(
            path("permissions", vhost, credentials.username),
            {"configure": ".*", "write": ".*", "read": ".*"},
        )
        try:
            yield live
        finally:
            live.delete(path("vhosts", vhost))


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate for broker.example, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "broker.example")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("broker.example")]), False)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    pem_file, key_file = folder / "certificate.pem", folder / "key.pem"
    pem_file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return pem_file, key_file
