"""TLS contexts from a `Tls` value."""

from __future__ import annotations

import functools
import ssl

from console.rabbitmq.endpoint import Tls
from console.rabbitmq.errors import TlsFailed
from console.rabbitmq.text import printable

_MAX_CA_PEM = 1_000_000


@functools.lru_cache(maxsize=64)
def tls_context(tls: Tls) -> ssl.SSLContext:
    """A client context of TLS 1.2 or later: the system's trust store, or only `ca_pem` where given.

    Kept for the process: reading the system's store takes longer than a poll of a small broker.
    Verification is off only where `tls.verify` is False. Raises TlsFailed for an unreadable CA.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    if not tls.ca_pem.strip():
        context.load_default_certs()
        return context
    if len(tls.ca_pem) > _MAX_CA_PEM:
        raise TlsFailed("The CA file is larger than 1 MB.")
    try:
        context.load_verify_locations(cadata=tls.ca_pem)
    except (ssl.SSLError, ValueError, OSError) as error:
        raise TlsFailed("The CA file contains no readable PEM certificate.") from error
    return context


def tls_failure(error: Exception, host: str) -> TlsFailed:
    """What went wrong in a handshake, in words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        why = printable(error.verify_message or "not trusted")
        return TlsFailed(f"The certificate of {printable(host)} isn't accepted: {why}.")
    if isinstance(error, ssl.SSLError) and error.reason == "WRONG_VERSION_NUMBER":
        return TlsFailed(f"{printable(host)} doesn't speak TLS on this port.")
    reason = error.reason if isinstance(error, ssl.SSLError) else None
    return TlsFailed(
        f"No secure connection to {printable(host)}"
        + (f": {printable(reason.replace('_', ' ').lower())}." if reason else ".")
    )
