"""Read the certificate that a TLS listener shows, by a handshake without credentials.

It isn't verified: an expired or untrusted certificate is what is looked for. Nothing is sent after
the handshake.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from console.rabbitmq.endpoint import AddressPolicy, Tls
from console.rabbitmq.errors import MalformedAnswer, TimedOut, TlsFailed
from console.rabbitmq.network.addresses import open_connection
from console.rabbitmq.network.deadline import Deadline
from console.rabbitmq.network.tls import tls_context, tls_failure
from console.rabbitmq.text import printable

_MOST_NAMES = 20


@dataclass(frozen=True, slots=True)
class Certificate:
    """`names` are its DNS names and IP addresses."""

    expires_at: datetime
    valid_from: datetime
    subject: str
    issuer: str
    names: tuple[str, ...] = ()


def certificate_at(
    host: str, port: int, *, policy: AddressPolicy, tls: Tls, seconds: float = 3.0
) -> Certificate:
    """Return the certificate of the listener, within `seconds`. `tls` gives the client certificate,
    if one is shown. Raises BrokerError."""
    deadline = Deadline(seconds)
    # To read when a certificate expires, also one that has expired or that nobody trusts. Nothing is
    # sent over the connection but the handshake, and nothing that is read is trusted.
    unverified = Tls(verify=False, client_pem=tls.client_pem, client_key=tls.client_key)
    context = tls_context(unverified)
    with open_connection(host, port, policy, deadline, seconds) as connection:
        connection.settimeout(deadline.remaining())
        try:
            with context.wrap_socket(
                connection, server_hostname=tls.server_name or host
            ) as secured:
                der = secured.getpeercert(binary_form=True)
        except TimeoutError:
            raise TimedOut("The TLS handshake took too long.") from None
        except (OSError, ValueError) as error:
            raise tls_failure(error, host) from error
    if der is None:
        raise TlsFailed("The listener showed no certificate.")
    return read_certificate(der)


def read_certificate(der: bytes) -> Certificate:
    """Read a certificate in DER. Raises MalformedAnswer."""
    try:
        found = x509.load_der_x509_certificate(der)
        return Certificate(
            expires_at=found.not_valid_after_utc,
            valid_from=found.not_valid_before_utc,
            subject=printable(found.subject.rfc4514_string(), 200),
            issuer=printable(found.issuer.rfc4514_string(), 200),
            names=_names(found),
        )
    except (ValueError, TypeError, x509.InvalidVersion) as error:
        raise MalformedAnswer("The listener's certificate can't be read.") from error


def _names(found: x509.Certificate) -> tuple[str, ...]:
    try:
        extension = found.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME)
    except (x509.ExtensionNotFound, ValueError):
        return ()
    if not isinstance(extension.value, x509.SubjectAlternativeName):
        return ()
    shown = [
        printable(str(name.value), 253)
        for name in extension.value
        if isinstance(name, x509.DNSName | x509.IPAddress)
    ]
    return tuple(shown[:_MOST_NAMES])
