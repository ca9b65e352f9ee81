"""The proof of a sign-in against live RabbitMQ: each step that can fail, and what to do then."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pika
import pytest

from console.rabbitmq.amqp.proving.advice import advice_on
from console.rabbitmq.amqp.proving.proof import ProofStep, prove
from console.rabbitmq.endpoint import (
    AddressPolicy,
    AmqpEndpoint,
    Credentials,
    Secret,
    Timeouts,
    Tls,
)
from console.rabbitmq.errors import LoginRefused
from tests.certificates import Authority
from tests.faults.hostile import HostileServer, replies, says_nothing, sends_raw

LOCAL = AddressPolicy(allow_loopback=True, allow_private=True)
ALL = [
    "resolve",
    "connect",
    "tls",
    "handshake",
    "login",
    "virtual_host",
    "channel",
    "declare",
    "publish",
    "receive",
]
PASSWORD = "s3cret-canary"


class Live:
    """A user of the live broker, and the way there."""

    def __init__(self, broker: Any, vhost: Any) -> None:
        self.broker, self.vhost = broker, vhost
        self.user = f"proof-{uuid4().hex[:8]}"
        given = broker.amqp_parameters()
        self.endpoint = AmqpEndpoint(
            "amqp", str(given.host), int(given.port), Credentials(self.user, Secret(PASSWORD)),
            vhost=vhost.name, policy=LOCAL,
        )  # fmt: skip
        broker.call("PUT", "users", self.user, body={"password": PASSWORD, "tags": ""})

    def permit(self, configure: str = ".*", write: str = ".*", read: str = ".*") -> None:
        rights = {"configure": configure, "write": write, "read": read}
        self.broker.call("PUT", "permissions", self.vhost.name, self.user, body=rights)

    def prove(self, *, messages: bool = True, **changes: Any) -> dict[str, ProofStep]:
        steps = prove(replace(self.endpoint, **changes), messages=messages)
        assert [step.name for step in steps] == (ALL if messages else ALL[:7])
        assert PASSWORD not in repr(steps)
        return {str(step.name): step for step in steps}


@pytest.fixture
def live(live_broker: Any, scratch_vhost: Any) -> Iterator[Live]:
    made = Live(live_broker, scratch_vhost)
    yield made
    live_broker.forget("users", made.user)


def failing(steps: dict[str, ProofStep]) -> ProofStep:
    """The one step that failed. What comes after it and needs it is skipped."""
    (found,) = [step for step in steps.values() if step.outcome == "failed"]
    assert found.advice
    return found


def test_who_may_sign_in_gets_its_own_message_back(live: Live, eventually: Any) -> None:
    """Publish and subscribe: hello in, hello out."""
    live.permit()
    steps = live.prove()
    # Without TLS, which is said.
    assert {name for name, step in steps.items() if step.outcome != "ok"} == {"tls"}
    assert "RabbitMQ" in steps["handshake"].message
    assert steps["receive"].message == "Got the message back."
    # Nothing is left: the queue was exclusive to the connection.
    eventually(lambda: live.broker.call("GET", "queues", live.vhost.name) == [])


def test_messages_are_left_out_where_nobody_asks_for_them(live: Live) -> None:
    live.permit("", "", "")
    steps = live.prove(messages=False)
    assert not any(step.outcome == "failed" for step in steps.values())


def test_a_name_that_resolves_to_nothing(live: Live) -> None:
    failed = failing(live.prove(host="no-such-host.invalid"))
    assert failed.name == "resolve"


def test_a_port_on_which_nothing_listens(live: Live) -> None:
    failed = failing(live.prove(port=1))
    assert failed.name == "connect"
    assert "5672" in failed.advice


def test_tls_on_a_port_without_it(live: Live) -> None:
    failed = failing(live.prove(scheme="amqps"))
    assert failed.name == "tls"
    assert "amqp://" in failed.advice


def test_a_certificate_of_somebody_else(live: Live, tmp_path: Path) -> None:
    ours, theirs = Authority("ours"), Authority("theirs")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*ours.issue("broker.example").write(tmp_path, "server"))
    with HostileServer(says_nothing(), tls=context) as server:
        at = {"scheme": "amqps", "host": "127.0.0.1", "port": server.port}
        failed = failing(live.prove(**at, tls=Tls(ca_pem=theirs.pem)))
        assert failed.name == "tls"
        assert "CA file" in failed.advice
        named = failing(live.prove(**at, tls=Tls(ca_pem=ours.pem, server_name="other.example")))
        assert named.name == "tls"


def test_a_port_with_tls_that_is_spoken_to_without(live: Live, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*Authority("a").issue("b.example").write(tmp_path, "server"))
    with HostileServer(says_nothing(), tls=context) as server:
        failed = failing(live.prove(host="127.0.0.1", port=server.port))
    assert failed.name == "handshake"
    assert "amqps://" in failed.advice


@pytest.mark.parametrize(
    "behaviour",
    [
        sends_raw(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        sends_raw(b"AMQP\x00\x00\x09\x01"),
        sends_raw(b"\x01\x00\x00\x00\x00\x00\x04\x00\x0a\x00\x0a\xce"),
        sends_raw(b"\x01" + b"\xff" * 100),
        replies(b"{}"),
    ],
)
def test_what_is_no_amqp_broker(live: Live, behaviour: Any) -> None:
    with HostileServer(behaviour) as server:
        failed = failing(live.prove(host="127.0.0.1", port=server.port))
    assert failed.name == "handshake"
    assert "5672" in failed.advice or "proxy" in failed.advice or "firewall" in failed.advice


def test_a_wrong_password(live: Live) -> None:
    live.permit()
    failed = failing(live.prove(credentials=Credentials(live.user, Secret("wrong"))))
    assert failed.name == "login"
    assert live.user in failed.advice


def test_guest_from_another_machine_is_told_why() -> None:
    endpoint = AmqpEndpoint("amqp", "mq.example", 5672, Credentials("guest", Secret("guest")))
    assert "own machine only" in advice_on("login", LoginRefused(""), endpoint)
    near = replace(endpoint, host="127.0.0.1")
    assert "own machine only" not in advice_on("login", LoginRefused(""), near)


def test_a_virtual_host_that_is_not_there(live: Live) -> None:
    steps = live.prove(vhost="no such vhost")
    failed = failing(steps)
    assert steps["login"].outcome == "ok"
    assert failed.name == "virtual_host"
    assert failed.advice.startswith("Create the virtual host")


def test_no_permission_in_the_virtual_host(live: Live) -> None:
    steps = live.prove()
    failed = failing(steps)
    assert steps["login"].outcome == "ok"
    assert (failed.name, failed.advice) == (
        "virtual_host",
        f"Give {live.user} permissions in {live.vhost.name}.",
    )


def test_the_connection_limit_of_the_virtual_host(live: Live) -> None:
    live.permit()
    live.broker.call("PUT", "vhost-limits", live.vhost.name, "max-connections", body={"value": 0})
    failed = failing(live.prove())
    assert (failed.name, failed.message) == (
        "virtual_host",
        "The connection limit of the virtual host is reached (0).",
    )
    assert "limit" in failed.advice


def test_the_connection_limit_of_the_user(live: Live) -> None:
    live.permit()
    live.broker.call("PUT", "user-limits", live.user, "max-connections", body={"value": 0})
    failed = failing(live.prove())
    assert (failed.name, failed.message) == (
        "virtual_host",
        "The connection limit of the user is reached (0).",
    )


def test_the_channel_limit_of_the_user(live: Live) -> None:
    live.permit()
    live.broker.call("PUT", "user-limits", live.user, "max-channels", body={"value": 0})
    failed = failing(live.prove())
    assert failed.name == "channel"
    assert "channel" in failed.advice


@pytest.mark.parametrize(
    ("rights", "failed", "right"),
    [
        (("^$", ".*", ".*"), "declare", "configure"),
        ((".*", "^$", ".*"), "publish", "write"),
        ((".*", ".*", "^$"), "receive", "read"),
    ],
)
def test_a_right_that_is_missing(
    live: Live, rights: tuple[str, str, str], failed: str, right: str
) -> None:
    live.permit(*rights)
    found = failing(live.prove())
    assert found.name == failed
    assert f"{right} permission" in found.advice


def test_a_producer_that_may_declare_nothing_is_still_proven_to_publish(live: Live) -> None:
    live.permit("^$", ".*", "^$")
    steps = live.prove()
    assert steps["publish"].outcome == "ok"
    assert steps["receive"].outcome == "skipped"


def test_a_broker_that_falls_silent_ends_in_time(live: Live, monkeypatch: Any) -> None:
    monkeypatch.setattr("console.rabbitmq.amqp.proving.proof._STEP_SECONDS", 0.5)
    with HostileServer(says_nothing()) as server:
        failed = failing(live.prove(host="127.0.0.1", port=server.port, timeouts=Timeouts(1, 1, 1)))
    assert failed.name == "handshake"


def test_names_of_the_user_are_printable(live: Live) -> None:
    evil = Credentials("a\u202eb", Secret("x"))
    for step in live.prove(credentials=evil).values():
        assert "\u202e" not in step.message + step.advice


def test_pika_says_nothing_of_it(live: Live, caplog: pytest.LogCaptureFixture) -> None:
    live.prove(credentials=Credentials(live.user, Secret("wrong-canary")))
    assert "wrong-canary" not in caplog.text
    assert pika.__version__
