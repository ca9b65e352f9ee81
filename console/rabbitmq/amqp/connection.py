"""AMQP 0-9-1 connections with pika: checked addresses only, bounded by a deadline, our errors only."""

from __future__ import annotations

import contextlib
import logging
import ssl
from collections.abc import Iterator

import pika
from pika import exceptions
from pika.adapters.utils import connection_workflow as workflow

from console.rabbitmq.amqp.properties import exact
from console.rabbitmq.endpoint import AmqpEndpoint
from console.rabbitmq.errors import (
    AccessRefused,
    BrokerError,
    BrokerFailed,
    Conflict,
    ConnectionLost,
    ConnectionRefused,
    LoginRefused,
    MalformedAnswer,
    NotFound,
    Rejected,
    TimedOut,
    UnaddressableName,
    Unreachable,
)
from console.rabbitmq.network.addresses import resolve_checked
from console.rabbitmq.network.deadline import Deadline
from console.rabbitmq.network.tls import client_certificate_failure, tls_context, tls_failure
from console.rabbitmq.text import printable

HEARTBEAT_SECONDS = 10
_BLOCKED_SECONDS = 10

# pika logs each failure as an error with a traceback, whatever it also raises: one unreachable
# broker would fill the log. `_mapped` maps what pika raises, and the caller reports it once.
logging.getLogger("pika").setLevel(logging.CRITICAL)
exact.register()


@contextlib.contextmanager
def connected(
    endpoint: AmqpEndpoint, deadline: Deadline | None = None
) -> Iterator[pika.BlockingConnection]:
    """Open a connection to the endpoint's vhost for the length of the block.

    Everything in the block, including opening and closing, ends by `deadline` (default: the
    endpoint's total timeout). Whatever pika raises in it leaves as a BrokerError. Use a connection
    in one thread only.
    """
    deadline = deadline or Deadline(endpoint.timeouts.total)
    with _mapped(endpoint.host):
        connection = pika.BlockingConnection(_parameters(endpoint, deadline))
        _end_by(connection, deadline)
        try:
            yield connection
        finally:
            with contextlib.suppress(exceptions.AMQPError):
                if connection.is_open:
                    connection.close()


def _parameters(endpoint: AmqpEndpoint, deadline: Deadline) -> list[pika.ConnectionParameters]:
    """Return parameters for each checked address, to try in order. TLS still verifies the name."""
    name = endpoint.tls.server_name or endpoint.host
    tls = None
    if endpoint.scheme == "amqps":
        tls = pika.SSLOptions(tls_context(endpoint.tls), server_hostname=name)
    addresses = resolve_checked(endpoint.host, endpoint.port, endpoint.policy, deadline)
    share = deadline.at_most(endpoint.timeouts.read) / len(addresses)
    return [
        pika.ConnectionParameters(
            host=str(address),
            port=endpoint.port,
            virtual_host=endpoint.vhost,
            credentials=pika.PlainCredentials(
                endpoint.credentials.username, endpoint.credentials.password.reveal()
            ),
            ssl_options=tls,
            heartbeat=HEARTBEAT_SECONDS,
            blocked_connection_timeout=_BLOCKED_SECONDS,
            socket_timeout=min(endpoint.timeouts.connect, share),
            # Bounds the TCP, TLS and AMQP handshakes together, however slowly their bytes arrive.
            stack_timeout=share,
            connection_attempts=1,
            client_properties={"connection_name": "Warren", "product": "Warren"},
        )
        for address in addresses
    ]


def _end_by(connection: pika.BlockingConnection, deadline: Deadline) -> None:
    """Close the connection at the deadline, even within a blocking call.

    pika's own timeouts bound only the opening, and its heartbeat takes up to three intervals to
    act. The timer runs in the loop of every blocking call, as the heartbeat's does. pika has no
    public name for that; tests/adapter/test_amqp.py guards it.
    """
    inner = connection._impl
    over = exceptions.AMQPHeartbeatTimeout("the deadline passed")
    inner._adapter_call_later(deadline.remaining(), lambda: inner._terminate_stream(over))


@contextlib.contextmanager
def _mapped(host: str) -> Iterator[None]:
    """Map pika's exceptions to ours, in this one place."""
    try:
        yield
    except BrokerError:
        raise
    except FOREIGN as error:
        raise mapped(error, host) from error


#: All exceptions that pika defines, and those it lets through.
FOREIGN: tuple[type[Exception], ...] = (
    exceptions.AMQPError,
    exceptions.ChannelError,
    exceptions.ReentrancyError,
    workflow.AMQPConnectorException,
    workflow.AMQPConnectionWorkflowFailed,
    OSError,
)


def mapped(error: Exception, host: str) -> BrokerError:
    """Map an exception of pika, or of a layer below it, to a BrokerError."""
    if isinstance(error, exceptions.ConnectionClosedByBroker):
        return _connection_closed(error.reply_code, error.reply_text)
    if isinstance(error, exceptions.ChannelClosedByBroker):
        return _channel_closed(error.reply_code, error.reply_text)
    if isinstance(error, exceptions.ProbableAccessDeniedError):
        return _vhost_closed(" ".join(map(str, error.args)))
    for inner in _layers(error):
        # pika quotes TLS errors in the text of its own exceptions.
        if (refused := client_certificate_failure(inner)) is not None:
            return refused
    for kinds, ours, detail in _BY_KIND:
        if isinstance(error, kinds):
            return ours(detail)
    return _from_cause(error, host)


def _connection_closed(code: int, text: str) -> BrokerError:
    said = printable(text)
    if code == 403:
        return LoginRefused("", status=code)
    if code == 530:
        return _vhost_closed(text)
    if code == 320:
        return ConnectionLost(said, status=code)
    if code == 541:
        return BrokerFailed(said, status=code)
    return Rejected(said, status=code)


def _vhost_closed(text: str) -> BrokerError:
    if "refused for user" not in text and "not found" in text:
        return NotFound("The broker has no such virtual host.")
    return AccessRefused("This user can't access the virtual host.")


def _channel_closed(code: int, text: str) -> BrokerError:
    kind = {403: AccessRefused, 404: NotFound, 406: Conflict, 541: BrokerFailed}.get(code, Rejected)
    return kind(printable(text), status=code)


_BY_KIND: tuple[tuple[tuple[type[Exception], ...], type[BrokerError], str], ...] = (
    ((exceptions.ProbableAuthenticationError, exceptions.AuthenticationError), LoginRefused, ""),
    (
        (exceptions.AMQPHeartbeatTimeout, exceptions.ConnectionBlockedTimeout),
        TimedOut,
        "The broker didn't answer over AMQP in time.",
    ),
    (
        (exceptions.IncompatibleProtocolError, exceptions.ProtocolSyntaxError),
        MalformedAnswer,
        "The server at this address doesn't speak AMQP 0-9-1.",
    ),
    ((exceptions.ShortStringTooLong,), UnaddressableName, "A name is longer than 255 bytes."),
    ((exceptions.UnroutableError,), Rejected, "The message can't be routed to any queue."),
    ((exceptions.NackError,), Rejected, "The broker refused the message."),
    (
        (
            exceptions.StreamLostError,
            exceptions.ConnectionOpenAborted,
            exceptions.ConnectionWrongStateError,
            exceptions.ConnectionClosed,
            exceptions.AMQPChannelError,
        ),
        ConnectionLost,
        "The connection was lost.",
    ),
)


def _from_cause(error: Exception, host: str) -> BrokerError:
    """Find the socket's error, which pika wraps several layers deep, and map it."""
    for inner in _layers(error):
        if isinstance(inner, ssl.SSLError):
            return tls_failure(inner, host)
        if isinstance(inner, ConnectionRefusedError):
            return ConnectionRefused(f"Nothing listens on {printable(host)} for AMQP.")
        if isinstance(inner, (TimeoutError, workflow.AMQPConnectorStackTimeout)):
            return TimedOut("The broker didn't answer over AMQP in time.")
        if isinstance(inner, ConnectionError):
            return ConnectionLost("The connection was lost.")
    return Unreachable("The broker can't be reached over AMQP.")


def _layers(error: BaseException) -> Iterator[BaseException]:
    waiting, seen = [error], set[int]()
    while waiting:
        inner = waiting.pop(0)
        if id(inner) in seen:
            continue
        seen.add(id(inner))
        yield inner
        nested = [*inner.args, inner.__cause__, getattr(inner, "exception", None)]
        nested += list(getattr(inner, "exceptions", ()))
        waiting += [item for item in nested if isinstance(item, BaseException)]
