from __future__ import annotations

import secrets
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pika
import pytest
from pika import exceptions

from console.rabbitmq import errors
from console.rabbitmq.amqp.connection import FOREIGN, connected, mapped
from console.rabbitmq.amqp.depths import PassiveDepths
from console.rabbitmq.amqp.messages import publish, publisher
from console.rabbitmq.endpoint import (
    AddressPolicy,
    AmqpEndpoint,
    Credentials,
    Secret,
    Timeouts,
    Tls,
)
from console.rabbitmq.management.paths import path
from tests.adapter.conftest import LOCAL, QUICK, LiveBroker
from tests.faults.hostile import HostileServer, replies, says_nothing, sends_raw


def test_depths_of_named_queues_are_fresh_at_once(broker: LiveBroker) -> None:
    name, empty = broker.declare("passive"), broker.declare("passive/empty")
    with publisher(broker.amqp) as sender:
        for _ in range(5):
            assert sender.publish("", name, b"x")
    asked = [
        (broker.vhost, name),
        (broker.vhost, "missing"),
        (broker.vhost, empty),
        (broker.vhost, name),
    ]
    listing = PassiveDepths(broker.amqp).depths_of(asked)
    assert {item.name: item.ready for item in listing.items} == {name: 5, empty: 0}
    assert all(item.unacked is None and item.total is None for item in listing.items)
    assert all(item.consumers == 0 for item in listing.items)
    assert listing.complete
    assert listing.rejected == []


def test_many_missing_queues_do_not_exhaust_the_connection(broker: LiveBroker) -> None:
    name = broker.declare("after-many-missing")
    asked = [(broker.vhost, f"missing-{number}") for number in range(300)] + [(broker.vhost, name)]
    listing = PassiveDepths(broker.amqp).depths_of(asked)
    assert [item.name for item in listing.items] == [name]


def test_what_may_not_be_asked_about_is_told_and_costs_no_other(broker: LiveBroker) -> None:
    name = broker.declare("open")
    with connected(broker.amqp) as connection:
        connection.channel().queue_declare("locked", exclusive=True)
        asked = [(broker.vhost, "locked"), (broker.vhost, "x" * 256), (broker.vhost, name)]
        listing = PassiveDepths(broker.amqp).depths_of(asked)
    assert [item.name for item in listing.items] == [name]
    assert len(listing.rejected) == 2
    assert not listing.complete


def test_queues_of_other_vhosts_are_asked_there(broker: LiveBroker) -> None:
    other = f"{broker.vhost}/other"
    name = broker.declare("here")
    broker.put(path("vhosts", other))
    try:
        broker.put(path("queues", other, "there"), {"durable": True})
        listing = PassiveDepths(broker.amqp).depths_of(
            [(broker.vhost, name), (other, "there"), ("no such vhost", "x")]
        )
        assert {(item.vhost, item.name) for item in listing.items} == {
            (broker.vhost, name),
            (other, "there"),
        }
    finally:
        broker.delete(path("vhosts", other))


def test_a_closed_vhost_is_told_for_each_of_its_queues(broker: LiveBroker) -> None:
    user = f"adapter-{secrets.token_hex(4)}"
    broker.put(path("users", user), {"password": "x", "tags": ""})
    try:
        endpoint = replace(broker.amqp, credentials=Credentials(user, Secret("x")))
        listing = PassiveDepths(endpoint).depths_of([(broker.vhost, "a"), (broker.vhost, "b")])
    finally:
        broker.delete(path("users", user))
    assert listing.items == []
    assert len(listing.rejected) == 2
    assert not listing.complete


def test_publishing_tells_routed_from_unrouted(broker: LiveBroker) -> None:
    name = broker.declare("published")
    properties = pika.BasicProperties(content_type="text/plain", headers={"a": 1})
    assert publish(broker.amqp, exchange="", routing_key=name, body=b"x", properties=properties)
    assert not publish(broker.amqp, exchange="", routing_key="nowhere", body=b"x")
    with pytest.raises(errors.NotFound):
        publish(broker.amqp, exchange="no such exchange", routing_key="", body=b"x")
    with pytest.raises(errors.UnaddressableName):
        publish(broker.amqp, exchange="", routing_key="x" * 256, body=b"x")


def test_a_wrong_password_and_an_unknown_vhost_are_told_apart(broker: LiveBroker) -> None:
    wrong = replace(broker.amqp, credentials=Credentials("guest", Secret("s3cret-canary")))
    with pytest.raises(errors.LoginRefused) as raised, connected(wrong):
        pass
    assert "s3cret-canary" not in f"{raised.value!r}"
    with pytest.raises(errors.NotFound), connected(replace(broker.amqp, vhost="no such vhost")):
        pass


def test_the_connection_names_itself(broker: LiveBroker) -> None:
    with connected(broker.amqp) as connection:
        properties = connection._impl.params.client_properties
        assert properties["connection_name"] == "Warren"
        assert connection._impl.params.heartbeat == 10


def endpoint_at(port: int, **changes: object) -> AmqpEndpoint:
    endpoint = AmqpEndpoint(
        "amqp", "127.0.0.1", port, Credentials("u", Secret("p")), timeouts=QUICK, policy=LOCAL
    )
    return replace(endpoint, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        (says_nothing(), errors.TimedOut),
        (sends_raw(b"HTTP/1.1 400 Bad Request\r\n\r\n"), errors.BrokerError),
        (replies(b"{}"), errors.BrokerError),
    ],
)
def test_what_is_no_amqp_listener_ends_in_a_typed_error(
    behaviour: Callable[..., None], expected: type[errors.BrokerError]
) -> None:
    with (
        HostileServer(behaviour) as server,
        pytest.raises(expected),
        connected(endpoint_at(server.port)),
    ):
        pass


def test_a_closed_port_a_plain_port_and_a_forbidden_address_are_told_apart(
    broker: LiveBroker,
) -> None:
    with HostileServer(says_nothing()) as server:
        port = server.port
        strict = endpoint_at(port, policy=AddressPolicy(allow_loopback=False))
        with pytest.raises(errors.AddressForbidden), connected(strict):
            pass
        assert server.connections == 0
    with pytest.raises(errors.ConnectionRefused), connected(endpoint_at(port)):
        pass
    with pytest.raises(errors.TlsFailed), connected(replace(broker.amqp, scheme="amqps")):
        pass


def test_a_certificate_that_is_not_trusted_is_not_talked_to(certificate: tuple[Path, Path]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with HostileServer(says_nothing(), tls=context) as server:
        distrusted = endpoint_at(server.port, scheme="amqps")
        with pytest.raises(errors.TlsFailed), connected(distrusted):
            pass
        trusted = Tls(ca_pem=certificate[0].read_text(), server_name="broker.example")
        # The handshake is done; that it then does not speak AMQP is another matter.
        with pytest.raises(errors.TimedOut), connected(replace(distrusted, tls=trusted)):
            pass


@contextmanager
def silenced_proxy(broker: LiveBroker, silent: threading.Event) -> Iterator[int]:
    """A TCP proxy to the broker that passes nothing back once `silent` is set; yields its port."""
    listener = socket.create_server(("127.0.0.1", 0))
    upstreams: list[socket.socket] = []

    def copy(source: socket.socket, target: socket.socket, back: bool) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if back and silent.is_set():
                    continue
                target.sendall(data)

    def accept() -> None:
        with suppress(OSError):
            while True:
                client, _ = listener.accept()
                upstream = socket.create_connection((broker.amqp.host, broker.amqp.port))
                upstreams.extend([client, upstream])
                threading.Thread(target=copy, args=(client, upstream, False), daemon=True).start()
                threading.Thread(target=copy, args=(upstream, client, True), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        for end in [listener, *upstreams]:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


def test_a_broker_that_falls_silent_within_a_call_is_left_at_the_deadline(
    broker: LiveBroker,
) -> None:
    silent = threading.Event()

    def ask(endpoint: AmqpEndpoint) -> None:
        with connected(endpoint) as connection:
            channel = connection.channel()
            silent.set()
            channel.queue_declare("x", passive=True)

    started = time.monotonic()
    with silenced_proxy(broker, silent) as port, pytest.raises(errors.TimedOut):
        ask(replace(broker.amqp, port=port, timeouts=Timeouts(1, 1.5, 1.5)))
    # The heartbeat alone would notice after two of its intervals, 20 s.
    assert time.monotonic() - started < 10


_PIKA = sorted(
    {
        kind
        for kind in vars(exceptions).values()
        if isinstance(kind, type)
        and issubclass(kind, Exception)
        and kind.__module__ == exceptions.__name__
    },
    key=lambda kind: kind.__name__,
)


def _made(kind: type[Exception]) -> Exception:
    if issubclass(kind, (exceptions.ConnectionClosed, exceptions.ChannelClosed)):
        return kind(500, "why")
    if issubclass(kind, (exceptions.UnroutableError, exceptions.NackError)):
        return kind([])
    return kind("why")


@pytest.mark.parametrize("kind", _PIKA)
def test_every_exception_of_pika_has_its_place_in_our_tree(kind: type[Exception]) -> None:
    assert issubclass(kind, FOREIGN)
    found = mapped(_made(kind), "host")
    assert isinstance(found, errors.BrokerError)
    assert type(found) is not errors.BrokerError
