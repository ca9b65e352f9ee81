"""The TLS handshake on an open connection."""

from __future__ import annotations

import socket
import ssl

from console.rabbitmq.endpoint import Tls
from console.rabbitmq.errors import TimedOut
from console.rabbitmq.network.deadline import Deadline
from console.rabbitmq.network.tls import tls_context, tls_failure


def shake_hands(
    connection: socket.socket, host: str, tls: Tls, deadline: Deadline
) -> ssl.SSLSocket:
    """Return the secured connection, in place of `connection`, which is closed if that fails.

    Raises TlsFailed, ClientCertificateRefused, TimedOut. A server that refuses the client
    certificate may say so only later: console.rabbitmq.network.tls.hear_alert.
    """
    try:
        context = tls_context(tls)
        connection.settimeout(deadline.remaining())
        return context.wrap_socket(connection, server_hostname=tls.server_name or host)
    except TimeoutError:
        connection.close()
        raise TimedOut("The TLS handshake took too long.") from None
    except (OSError, ValueError) as error:
        connection.close()
        raise tls_failure(error, host) from error
    except BaseException:
        connection.close()
        raise
