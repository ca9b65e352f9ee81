"""Sign in to a broker as a RabbitMQ user, with a password that somebody typed, and say which step
fails.

The password is in memory for as long as that takes; it is neither stored nor logged. A refused one
counts in the limits of failed sign-ins to the console (accessctl.sessions.guessing): by address, by
address and user, and by user, so the proof is no way to guess passwords.
"""

from __future__ import annotations

from django.http import HttpRequest

from accessctl.authorize import AnyUser, require
from accessctl.rights import Permission
from accessctl.sessions.guessing import begin_attempt
from console.audit import record
from console.brokers.connect import address_policy, stored_client_key
from console.errors import BrokerTrouble, TooManyAttempts
from console.rabbitmq.amqp.proving.proof import ProofStep, prove
from console.rabbitmq.endpoint import AmqpEndpoint, Credentials, Secret, Tls
from vhosts.messages.connecting.service import Connection

_TOO_MANY = "Too many refused passwords. Wait five minutes, then try again."
_IN_CLEAR = (
    "The broker reports AMQP listeners without TLS only. The password isn't sent there. Enter an AMQP address "
    "in the broker's settings to allow it."
)


def prove_sign_in(
    request: HttpRequest,
    connection: Connection,
    password: Secret,
    *,
    messages: bool,
    acting_user: AnyUser,
) -> list[ProofStep]:
    """Return the steps. `messages`: also publish a message to a private queue and get it back.

    Needs messages:publish in the virtual host. Raises NotAllowed, TooManyAttempts, BrokerTrouble
    if no address is known, WrongEncryptionKey.
    """
    broker, vhost = connection.broker, connection.vhost.name
    require(acting_user, Permission.MESSAGES_PUBLISH, broker, vhost)
    if connection.way.in_clear or not connection.way.servers:
        raise BrokerTrouble(connection.way.unknown or _IN_CLEAR)
    endpoint = _endpoint(connection, password)
    # A colon: no account of the console has one in its name.
    attempt = begin_attempt(request, f"{broker.pk}:{connection.user.name}", kind="password")
    if attempt is None:
        raise TooManyAttempts(_TOO_MANY, {"retry_after": 300})
    steps = prove(endpoint, messages=messages)
    failed = next((step.name for step in steps if step.outcome == "failed"), "")
    if failed != "login":
        attempt.succeeded()
    record(
        "user:prove",
        target_kind="user",
        target=connection.user.name,
        acting_user=acting_user,
        broker=broker,
        after={"vhost": vhost, "messages": messages, "failed_step": failed or None},
    )
    return steps


def _endpoint(connection: Connection, password: Secret) -> AmqpEndpoint:
    """To the first node, with the console's own TLS settings for this broker."""
    broker, server = connection.broker, connection.way.servers[0]
    return AmqpEndpoint(
        scheme="amqps" if connection.way.tls else "amqp",
        host=server.host,
        port=server.port,
        credentials=Credentials(connection.user.name, password),
        vhost=connection.vhost.name,
        tls=Tls(
            verify=broker.tls_verify,
            ca_pem=broker.tls_ca_pem,
            server_name=broker.tls_server_name,
            client_pem=broker.tls_client_certificate,
            client_key=stored_client_key(broker) if broker.tls_client_certificate else None,
        ),
        policy=address_policy(),
    )
