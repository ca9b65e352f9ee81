"""Build TLS contexts from a `Tls` value."""

from __future__ import annotations

import functools
import os
import re
import ssl

from console.rabbitmq.endpoint import Tls
from console.rabbitmq.errors import ClientCertificateRefused, TlsFailed
from console.rabbitmq.text import printable

_MAX_CA_PEM = 1_000_000
_ALERT_SECONDS = 0.5
#: TLS alerts with which a server reports on the client's certificate: OpenSSL's names, and their
#: meaning.
_ALERTS = {
    "CERTIFICATE_REQUIRED": "The broker demands a client certificate, and none is stored.",
    "ALERT_UNKNOWN_CA": "The broker doesn't trust the authority that signed the client certificate.",
    "ALERT_BAD_CERTIFICATE": "The broker doesn't accept the client certificate, or demands one.",
    "ALERT_CERTIFICATE_EXPIRED": "The client certificate has expired.",
    "ALERT_CERTIFICATE_REVOKED": "The client certificate was revoked.",
    "ALERT_CERTIFICATE_UNKNOWN": "The broker doesn't accept the client certificate.",
    "ALERT_UNSUPPORTED_CERTIFICATE": "The broker doesn't accept this kind of client certificate.",
    "ALERT_ACCESS_DENIED": "The broker doesn't let the holder of this client certificate in.",
    "ALERT_HANDSHAKE_FAILURE": "The broker ended the TLS handshake: it may demand a client certificate, or share "
    "no TLS version or cipher with the console.",
}
_ALERT = re.compile("|".join(_ALERTS))


@functools.lru_cache(maxsize=64)
def tls_context(tls: Tls) -> ssl.SSLContext:
    """Return a client context for TLS 1.2 or later: the system's trust store, or only `ca_pem`.

    Cached for the process: reading the system's store takes longer than a poll of a small broker.
    Verification is off only if `tls.verify` is False. Raises TlsFailed for an unreadable CA, and
    ClientCertificateRefused for a client certificate that can't be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if tls.client_pem:
        _show_certificate(context, tls)
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    if not tls.ca_pem.strip():
        context.load_default_certs()
        return context
    if len(tls.ca_pem) > _MAX_CA_PEM:
        raise TlsFailed("The CA file is larger than 1 MB.")
    # Bundles contain names of authorities between the certificates, in any script; Python accepts
    # ASCII only. Inside a certificate, a question mark is as unreadable as the character that it
    # replaces.
    ascii_pem = tls.ca_pem.encode("ascii", "replace").decode()
    try:
        context.load_verify_locations(cadata=ascii_pem)
    except (ssl.SSLError, ValueError, OSError) as error:
        raise TlsFailed("The CA file contains no readable PEM certificate.") from error
    return context


def _show_certificate(context: ssl.SSLContext, tls: Tls) -> None:
    """Load the client certificate. Python reads a key from a file only: this one is in memory, so
    no other process can open it by name."""
    key = tls.client_key.reveal() if tls.client_key else ""
    if "ENCRYPTED" in key:
        raise ClientCertificateRefused(
            "The client key is protected by a passphrase. Give it without one."
        )
    descriptor = os.memfd_create("client-certificate", os.MFD_CLOEXEC)
    try:
        with open(descriptor, "w", encoding="ascii", errors="replace", closefd=False) as file:
            file.write(f"{tls.client_pem}\n{key}\n")
        context.load_cert_chain(f"/proc/self/fd/{descriptor}", password=_no_passphrase)
    except (ssl.SSLError, ValueError, OSError) as error:
        mismatch = isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH"
        raise ClientCertificateRefused(
            "The client key doesn't belong to the client certificate."
            if mismatch
            else "Client certificate and key are no readable PEM."
        ) from error
    finally:
        os.close(descriptor)


def _no_passphrase() -> str:
    """Return no passphrase. OpenSSL would otherwise prompt on the terminal for a protected key."""
    return ""


def client_certificate_failure(error: object) -> ClientCertificateRefused | None:
    """Return the error if `error` is or quotes the server's alert about our certificate; else None.

    With TLS 1.3 the alert comes after the handshake, in place of the first answer.
    """
    found = _ALERT.search(str(error))
    return ClientCertificateRefused(_ALERTS[found[0]]) if found else None


def hear_alert(secured: ssl.SSLSocket) -> None:
    """Wait a moment after a handshake for the server's alert about the client certificate.

    Raises ClientCertificateRefused. No alert means that the certificate is accepted.
    """
    secured.settimeout(_ALERT_SECONDS)
    try:
        secured.recv(1)
    except OSError as error:
        if (refused := client_certificate_failure(error)) is not None:
            raise refused from error


def tls_failure(error: Exception, host: str) -> TlsFailed:
    """Map a failed handshake to an error with a message."""
    if (refused := client_certificate_failure(error)) is not None:
        return refused
    if isinstance(error, ssl.SSLCertVerificationError):
        why = printable(error.verify_message or "not trusted").rstrip(".")
        return TlsFailed(f"The certificate of {printable(host)} isn't accepted: {why}.")
    if isinstance(error, ssl.SSLError) and error.reason == "WRONG_VERSION_NUMBER":
        return TlsFailed(f"{printable(host)} doesn't speak TLS on this port.")
    reason = error.reason if isinstance(error, ssl.SSLError) else None
    return TlsFailed(
        f"No secure connection to {printable(host)}"
        + (f": {printable(reason.replace('_', ' ').lower())}." if reason else ".")
    )
