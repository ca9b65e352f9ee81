"""Advice for each error of a broker: one sentence on what to do about it."""

from __future__ import annotations

from console.rabbitmq import errors


def advice_on(step: str, error: errors.BrokerError) -> str:
    """Return one sentence: what to do about this error of a connection test's step."""
    for kind, advice in _ADVICE:
        if isinstance(error, kind):
            if step == "amqp" and isinstance(error, errors.ConnectionRefused):
                return "Check the AMQP port (5672, or 5671 with TLS) and any firewall in between."
            return advice
    return "Try again. If it fails again, check the broker's log."


#: Specific errors first, general ones last.
_ADVICE: tuple[tuple[type[errors.BrokerError], str], ...] = (
    (errors.NameNotResolved, "Check the spelling of the host name and the console's DNS."),
    (
        errors.AddressForbidden,
        "Use the broker's own address. Settings can allow loopback and private networks.",
    ),
    (
        errors.ConnectionRefused,
        "Check that RabbitMQ is running, that the plugin rabbitmq_management is "
        "enabled, and the port (15672, or 15671 with TLS).",
    ),
    (
        errors.ClientCertificateRefused,
        "Give a client certificate that the broker's ssl_options.cacertfile vouches for, with its key. A user is "
        "named by it only where the broker is set up for that: user and password are sent all the same.",
    ),
    (
        errors.TlsFailed,
        "If the port doesn't use TLS, start the address with http://. Otherwise "
        "provide the CA file that signed the broker's certificate and the name in the "
        "certificate.",
    ),
    (
        errors.TimedOut,
        "Check the port, any firewall in between, and the broker's load.",
    ),
    (errors.ConnectionLost, "Check any proxy or firewall in between, and the broker's log."),
    (errors.Unreachable, "Check the host, the port and any proxy in between."),
    (
        errors.LoginRefused,
        "Check the username and password. The user guest can sign in only from the "
        "broker's own machine.",
    ),
    (
        errors.AccessRefused,
        "Give the user a tag (rabbitmqctl set_user_tags): monitoring to monitor, "
        "administrator to manage. Also give it permissions in the virtual hosts it "
        "uses.",
    ),
    (
        errors.OtherCluster,
        "Remove the URL from the broker's other management URLs, or enter that of a node of this cluster.",
    ),
    (
        errors.Redirected,
        "If the redirect leads to the broker's management API, enter that address.",
    ),
    (
        errors.MalformedAnswer,
        "Check that the address and port are those of the management API, and its "
        "path if it has one.",
    ),
)


def advice_for(code: str) -> str:
    """Return the advice for an error code that a poll stored; "" for an unknown code."""
    kinds = [errors.BrokerError]
    for kind in kinds:
        kinds.extend(kind.__subclasses__())
        if kind.code == code:
            return advice_on("login", kind())
    return ""
