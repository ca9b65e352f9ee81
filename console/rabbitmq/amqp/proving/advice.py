"""What to do about each step of a proof that failed."""

from __future__ import annotations

import ipaddress
import re

from console.rabbitmq import advice, errors
from console.rabbitmq.endpoint import AmqpEndpoint
from console.rabbitmq.text import printable

#: What RabbitMQ says when a limit is reached, after its name for the error: whose limit of what.
_LIMITS = (
    ("connection limit of the user", re.compile(r"user connection limit \(?(\d+)\)? is reached")),
    (
        "connection limit of the virtual host",
        re.compile(r"connection limit \(?(\d+)\)? is reached"),
    ),
    ("channel limit of the user", re.compile(r"maximum allowed (?:user )?limit of \(?(\d+)")),
)
_PERMISSION = {
    "declare": "Give the user configure permission on names that begin with amq.gen-, or let the application use a "
    "queue that exists.",
    "publish": "Give the user write permission on amq.default, or publish to another exchange that it may write to.",
    "receive": "Give the user read permission on the queue.",
}


def limit_reached(error: errors.BrokerError) -> str:
    """Return a sentence if RabbitMQ refused the connection or channel because a limit is reached;
    else ""."""
    said = _said(error)
    for what, pattern in _LIMITS:
        if found := pattern.search(said):
            return f"The {what} is reached ({found[1]})."
    return ""


def advice_on(step: str, error: errors.BrokerError, endpoint: AmqpEndpoint) -> str:
    """Return one sentence: what to do about this error of a step."""
    user, vhost = printable(endpoint.credentials.username), printable(endpoint.vhost, 80)
    if step == "login" and isinstance(error, errors.LoginRefused):
        if user == "guest" and not _is_loopback(endpoint.host):
            return (
                "RabbitMQ lets guest in from its own machine only, whatever the password (loopback_users). "
                "Create another user for applications."
            )
        return (
            f"Check the password of {user}, or set a new one. A user without a password, or one that another "
            "authentication backend knows, is refused alike; the broker's log says why."
        )
    if limit_reached(error):
        return "Close connections and channels that aren't needed, or raise the limit."
    if step == "virtual_host":
        if isinstance(error, errors.NotFound):
            return f"Create the virtual host {vhost}, or connect to another one."
        if isinstance(error, errors.AccessRefused):
            return f"Give {user} permissions in {vhost}."
        return "Check the state of the virtual host on the nodes, and restart it where it's down."
    if step in _PERMISSION and isinstance(error, errors.AccessRefused):
        return _PERMISSION[step]
    if step == "handshake" and isinstance(error, errors.MalformedAnswer | errors.ConnectionLost):
        return "Check the broker's AMQP address: its port (5672, or 5671 with TLS), and amqp:// or amqps:// to match."
    if step == "tls" and not isinstance(error, errors.TimedOut | errors.ClientCertificateRefused):
        return (
            "If the port doesn't use TLS, give the broker an AMQP address that starts with amqp://. Otherwise provide "
            "the CA file that signed its certificate, and the name in the certificate."
        )
    return advice.advice_on("amqp", error)


def _said(error: errors.BrokerError) -> str:
    """What RabbitMQ replied; `detail` has our own sentence."""
    cause = error.__cause__
    return " ".join(map(str, cause.args)) if cause is not None else ""


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
