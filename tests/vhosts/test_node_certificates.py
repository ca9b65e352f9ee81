"""The certificates of TLS listeners: read by a handshake without credentials, kept with the node."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from console.models import BrokerStatus
from console.rabbitmq.endpoint import AddressPolicy, Tls
from console.rabbitmq.errors import AddressForbidden, BrokerError, TlsFailed
from console.rabbitmq.network.certificate import certificate_at
from tests.certificates import Authority, Issued
from vhosts.models import Node
from vhosts.nodes.certificates import AGAIN_AFTER, earliest_expiry, take_certificates

LOOPBACK = AddressPolicy(allow_loopback=True)


@contextmanager
def listener(issued: Issued | None, folder: Path, received: list[bytes]) -> Iterator[int]:
    """A TLS listener, or a plain one, on a free port. `received` gets what clients send."""
    server = socket.create_server(("127.0.0.1", 0))
    context = None
    if issued is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*issued.write(folder, "listener"))

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            try:
                connection.settimeout(5)
                if context is None:
                    connection.sendall(b"AMQP\x00\x00\x09\x01")
                    connection.close()
                    continue
                with context.wrap_socket(connection, server_side=True) as secured:
                    received.append(secured.recv(100))
            except OSError:
                continue

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield server.getsockname()[1]
    finally:
        server.close()


def test_expiry_is_read_of_valid_and_expired_certificates(tmp_path):
    authority = Authority()
    for until in (timedelta(days=20), timedelta(days=-1)):
        received: list[bytes] = []
        with listener(authority.issue("n1.example", until=until), tmp_path, received) as port:
            found = certificate_at("127.0.0.1", port, policy=LOOPBACK, tls=Tls())
        assert abs(found.expires_at - datetime.now(UTC) - until) < timedelta(minutes=5)
        assert "n1.example" in found.subject
        assert found.names == ("n1.example", "127.0.0.1")
        assert received in ([], [b""]), "Nothing is sent after the handshake."


def test_what_isnt_tls_or_isnt_allowed_is_an_error(tmp_path):
    with listener(None, tmp_path, []) as port:
        with pytest.raises(TlsFailed):
            certificate_at("127.0.0.1", port, policy=LOOPBACK, tls=Tls())
        with pytest.raises(AddressForbidden):
            certificate_at("127.0.0.1", port, policy=AddressPolicy(), tls=Tls())
    with pytest.raises(BrokerError):
        certificate_at("127.0.0.1", port, policy=LOOPBACK, tls=Tls(), seconds=1)


@pytest.mark.django_db
def test_an_inventory_keeps_the_expiry_of_each_tls_listener(
    make_broker, poll_now, inventory_now, tmp_path, client, superuser, now
):
    broker = make_broker()
    poll_now(broker)
    node = Node.objects.get(broker=broker)
    issued = Authority().issue("n1.example", until=timedelta(days=9))
    with listener(issued, tmp_path, []) as good, listener(None, tmp_path, []) as plain:
        status = BrokerStatus.objects.get(broker=broker)
        status.listeners += [
            {"node": node.name, "protocol": "amqp/ssl", "address": "::", "port": good},
            {"node": node.name, "protocol": "amqp/ssl", "address": "0.0.0.0", "port": good},  # noqa: S104
            {"node": node.name, "protocol": "https", "address": "::", "port": plain},
            {"node": "rabbit@other", "protocol": "https", "address": "::", "port": 1},
        ]
        status.save()
        inventory_now(broker)
    node.refresh_from_db()
    told = {one["port"]: one for one in node.certificates}
    assert set(told) == {good, plain}
    assert "why" in told[plain]
    assert "expires_at" not in told[plain]
    expiry = earliest_expiry(node)
    assert abs(expiry - datetime.now(UTC) - timedelta(days=9)) < timedelta(minutes=5)
    client.force_login(superuser)
    page = client.get(f"/nodes/{node.pk}/").content.decode()
    assert "Soon" in page
    assert f"{expiry:%Y}" in page
    # Cached: not read again at once, nor before the hour is over.
    at = node.certificates_at
    Node.objects.filter(pk=node.pk).update(certificates=[told[good]])
    take_certificates(broker, at + timedelta(minutes=30))
    node.refresh_from_db()
    assert node.certificates_at == at
    take_certificates(broker, at + AGAIN_AFTER)
    node.refresh_from_db()
    assert node.certificates_at == at + AGAIN_AFTER
