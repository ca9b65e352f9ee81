"""Prove that a user can sign in over AMQP: run each step separately, to show which one fails.

A step that needs an earlier, failed one is skipped and says so. All steps together end within
`PROOF_SECONDS`. Nothing is left on the broker: the queue is exclusive to the connection, and the
only messages are the proof's own.
"""

from __future__ import annotations

import contextlib
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import pika
from pika import exceptions
from pika.adapters.blocking_connection import BlockingChannel

from console.rabbitmq import errors
from console.rabbitmq.amqp.connection import FOREIGN, connected, mapped
from console.rabbitmq.amqp.proving.advice import advice_on, limit_reached
from console.rabbitmq.amqp.proving.greeting import read_greeting
from console.rabbitmq.endpoint import AmqpEndpoint, Timeouts
from console.rabbitmq.findings import Found, Outcome, sentence_of
from console.rabbitmq.network.addresses import open_connection, resolve_checked
from console.rabbitmq.network.deadline import Deadline
from console.rabbitmq.network.handshake import shake_hands
from console.rabbitmq.network.tls import hear_alert
from console.rabbitmq.text import printable

PROOF_SECONDS = 15.0
_STEP_SECONDS = 5.0
_HELLO = b"hello"

ProofName = Literal[
    "resolve", "connect", "tls", "handshake", "login", "virtual_host", "channel", "declare", "publish", "receive",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class ProofStep:
    """`message` says what was found, `advice` what to do about it ("" if nothing)."""

    name: ProofName
    outcome: Outcome
    message: str
    advice: str = ""
    took_ms: int = 0


def prove(endpoint: AmqpEndpoint, *, messages: bool) -> list[ProofStep]:
    """Return the results of all steps, in order. Always complete, and never raises BrokerError.

    `messages`: also declare a private queue, publish through it and get the message back.
    """
    with contextlib.ExitStack() as stack:
        return _Proof(endpoint, messages, stack).run()


class _Proof:
    def __init__(self, endpoint: AmqpEndpoint, messages: bool, stack: contextlib.ExitStack) -> None:
        self._deadline = Deadline(PROOF_SECONDS)
        self._endpoint = endpoint
        self._messages = messages
        self._stack = stack
        self._steps: list[ProofStep] = []
        self._connection: pika.BlockingConnection | None = None
        self._refused_at_vhost: errors.BrokerError | None = None
        self._queue = ""

    def run(self) -> list[ProofStep]:
        reached = self._step("resolve", self._resolve)
        reached = self._step("connect", self._connect, needed=reached)
        reached = self._step("tls", self._tls, needed=reached)
        reached = self._step("handshake", self._handshake, needed=reached)
        reached = self._step("login", self._log_in, needed=reached)
        reached = self._step("virtual_host", self._open_vhost, needed=reached)
        reached = self._step("channel", self._open_channel, needed=reached)
        if self._messages:
            declared = self._step("declare", self._declare, needed=reached)
            published = self._step("publish", self._publish, needed=reached)
            self._step("receive", self._receive, needed=declared and published)
        return self._steps

    def _step(self, name: ProofName, step: Callable[[], Found], *, needed: bool = True) -> bool:
        """Run a step, and return whether the next one can run."""
        if not needed:
            self._steps.append(
                ProofStep(name, "skipped", "Skipped because an earlier step failed.")
            )
            return False
        started = time.monotonic()
        try:
            with _ours(self._endpoint.host):
                found = step()
        except errors.BrokerError as error:
            message = limit_reached(error) or sentence_of(error)
            found = Found(message, advice_on(name, error, self._endpoint), "failed")
        took = round((time.monotonic() - started) * 1000)
        self._steps.append(ProofStep(name, found.outcome, found.message, found.advice, took))
        return found.outcome != "failed"

    def _resolve(self) -> Found:
        end = self._endpoint
        addresses = resolve_checked(end.host, end.port, end.policy, self._step_deadline())
        listed = ", ".join(str(address) for address in addresses[:4])
        if listed == end.host:
            return Found(f"{end.host} is an IP address.")
        return Found(f"{printable(end.host)} resolves to {listed}.")

    def _connect(self) -> Found:
        self._open().close()
        return Found(
            f"A server listens on {printable(self._endpoint.host)} port {self._endpoint.port}."
        )

    def _tls(self) -> Found:
        end = self._endpoint
        if end.scheme != "amqps":
            return Found(
                "Not used: the password and all messages travel unencrypted.",
                "Use TLS if traffic crosses a network you don't control.",
                "warning",
            )
        with shake_hands(self._open(), end.host, end.tls, self._step_deadline()) as secured:
            # With TLS 1.3, a refused client certificate shows only after the handshake.
            hear_alert(secured)
            version = secured.version() or "TLS"
        if not end.tls.verify:
            return Found(
                f"{version}, but the certificate isn't verified.",
                "The console is set up not to verify this broker. Applications should: give them the CA file.",
                "warning",
            )
        shown = " The console's client certificate was sent." if end.tls.client_pem else ""
        return Found(f"{version}, certificate accepted.{shown}")

    def _handshake(self) -> Found:
        deadline = self._step_deadline()
        connection = self._open()
        if self._endpoint.scheme == "amqps":
            connection = shake_hands(connection, self._endpoint.host, self._endpoint.tls, deadline)
        with connection:
            greeting = read_greeting(connection, deadline)
        name = " ".join(
            printable(part, 40)
            for part in (greeting.product or "The server", greeting.version)
            if part
        )
        if "PLAIN" not in greeting.mechanisms:
            offered = ", ".join(printable(one, 20) for one in greeting.mechanisms) or "none"
            return Found(
                f"{name} speaks AMQP 0-9-1, but takes no passwords. Authentication mechanisms: {offered}.",
                "Add PLAIN to auth_mechanisms in rabbitmq.conf, or sign in by certificate.",
                "failed",
            )
        return Found(f"{name} speaks AMQP 0-9-1.")

    def _log_in(self) -> Found:
        endpoint = replace(self._endpoint, timeouts=self._step_timeouts())
        try:
            self._connection = self._stack.enter_context(connected(endpoint, self._deadline))
        except (errors.NotFound, errors.AccessRefused, errors.BrokerFailed) as error:
            # RabbitMQ judges the virtual host only once it has accepted the password.
            self._refused_at_vhost = error
        return Found(
            f"RabbitMQ accepts the password of {printable(self._endpoint.credentials.username)}."
        )

    def _open_vhost(self) -> Found:
        if (error := self._refused_at_vhost) is not None:
            raise error
        return Found(f"The user can access the virtual host {printable(self._endpoint.vhost, 80)}.")

    def _open_channel(self) -> Found:
        self._channel().close()
        return Found("A channel is open.")

    def _declare(self) -> Found:
        # Exclusive: the broker deletes it with the connection, whatever happens.
        declared = self._channel().queue_declare("", exclusive=True)
        self._queue = str(declared.method.queue)
        return Found(f"Declared the private queue {printable(self._queue, 80)}.")

    def _publish(self) -> Found:
        channel = self._channel()
        channel.confirm_delivery()
        key = self._queue or f"warren-proof-{secrets.token_hex(8)}"
        try:
            channel.basic_publish("", key, _HELLO, mandatory=True)
        except exceptions.UnroutableError:
            if self._queue:
                raise
            # Right: no queue has this name, and the broker has judged the permission first.
            return Found("The user may publish to the default exchange. No queue got this message.")
        return Found("Published a message to the private queue; RabbitMQ confirmed it.")

    def _receive(self) -> Found:
        deadline = self._step_deadline()
        channel = self._channel()
        while True:
            method, _, body = channel.basic_get(self._queue, auto_ack=True)
            if method is not None:
                break
            if deadline.remaining() <= 0.2:
                raise errors.TimedOut("The message didn't come back in time.")
            self._connected().sleep(0.05)
        if body != _HELLO:
            raise errors.MalformedAnswer("Another message came back than was sent.")
        return Found("Got the message back.")

    def _channel(self) -> BlockingChannel:
        """A channel of its own for each step: RabbitMQ closes the channel on which it refuses."""
        return self._connected().channel()

    def _connected(self) -> pika.BlockingConnection:
        if self._connection is None:
            raise errors.ConnectionLost("The connection was lost.")
        return self._connection

    def _open(self) -> socket.socket:
        end = self._endpoint
        return open_connection(
            end.host, end.port, end.policy, self._step_deadline(), end.timeouts.connect
        )

    def _step_deadline(self) -> Deadline:
        return Deadline(self._step_seconds())

    def _step_timeouts(self) -> Timeouts:
        left = self._step_seconds()
        return Timeouts(
            connect=min(self._endpoint.timeouts.connect, left),
            read=left,
            total=self._deadline.at_most(PROOF_SECONDS),
        )

    def _step_seconds(self) -> float:
        return self._deadline.at_most(_STEP_SECONDS)


@contextlib.contextmanager
def _ours(host: str) -> Iterator[None]:
    """Map what pika raises in a step."""
    try:
        yield
    except FOREIGN as error:
        raise mapped(error, host) from error
