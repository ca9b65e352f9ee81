"""Everything that can go wrong with a broker, as one tree.

    BrokerError
    ├─ Unreachable             no answer, or not in time
    │  ├─ NameNotResolved      the host name has no address
    │  ├─ ConnectionRefused    the host answered: nothing listens on the port
    │  ├─ ConnectionLost       the connection broke before the answer was complete
    │  ├─ TlsFailed            certificate or protocol not accepted
    │  │  └─ ClientCertificateRefused   the broker demands a client certificate, or refuses ours
    │  └─ TimedOut             the deadline of the whole exchange passed
    ├─ AddressForbidden        an address that the console mustn't connect to (link-local, metadata, ...)
    ├─ LoginRefused            wrong user or password: don't retry
    ├─ AccessRefused           correct password, not enough rights
    ├─ OtherCluster            another management URL of a cluster leads to a different one
    ├─ NotFound                no such object, or no such endpoint in this version
    ├─ Rejected                the broker understood the request and refused it
    │  └─ Conflict             ... because the existing object differs
    ├─ BrokerFailed            5xx: the broker's own failure, or a wrong type in our request
    ├─ StatsDisabled           the broker keeps no statistics, so it can't answer
    ├─ UnaddressableName       a name that can't be sent safely in a path; nothing was sent
    ├─ PathRewritten           a proxy changes this path, so it would mean another object
    └─ MalformedAnswer         an answer that can't be used
       ├─ AnswerTooLarge       more bytes, rows or depth than accepted
       └─ Redirected           redirects are never followed

Every foreign exception (httpcore2, pika, ssl, socket, msgspec) is mapped to this tree at one place
per transport, so callers need to know no other exception.
"""

from __future__ import annotations

from typing import ClassVar


class BrokerError(Exception):
    """A call to a broker gave no usable answer.

    `code` is stable and goes to pages, the API and metrics. `retryable` is the one decision a
    caller needs: can the same call, unchanged, succeed later? `detail` is safe to show once
    escaped: it never contains a credential, but it can contain text from the broker.
    """

    code: ClassVar[str] = "broker_error"
    retryable: ClassVar[bool] = True
    #: The text to show if nothing more specific is known.
    summary: ClassVar[str] = "The broker can't be used."

    def __init__(self, detail: str = "", *, status: int | None = None) -> None:
        self.detail = detail[:500]
        self.status = status
        super().__init__(detail or self.summary)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.detail!r}, status={self.status})"


class Unreachable(BrokerError):
    code = "unreachable"
    summary = "The broker didn't answer."


class NameNotResolved(Unreachable):
    code = "name_not_resolved"
    summary = "The host name doesn't resolve to an address."


class ConnectionRefused(Unreachable):
    code = "connection_refused"
    summary = "Nothing listens on that host and port."


class ConnectionLost(Unreachable):
    code = "connection_lost"
    summary = "The connection closed before the complete answer arrived."


class TlsFailed(Unreachable):
    code = "tls_failed"
    # Retried, at the back-off's slow pace: the certificate may be renewed meanwhile.
    summary = "The console couldn't establish a secure connection."


class ClientCertificateRefused(TlsFailed):
    code = "client_certificate_refused"
    summary = "The broker demands a client certificate, or refuses the one that it was shown."


class TimedOut(Unreachable):
    code = "timed_out"
    summary = "The broker didn't answer in time."


class AddressForbidden(BrokerError):
    code = "address_forbidden"
    retryable = False
    summary = "The console isn't allowed to connect to this address."


class LoginRefused(BrokerError):
    code = "login_refused"
    # Repeating a refused login can lock the account or fill the broker's log.
    retryable = False
    summary = "The broker refused the username or password."


class AccessRefused(BrokerError):
    code = "access_refused"
    retryable = False
    summary = "The broker's user isn't allowed to do this."


class OtherCluster(BrokerError):
    code = "other_cluster"
    summary = "This management URL belongs to another cluster."


class NotFound(BrokerError):
    code = "not_found"
    retryable = False
    summary = "The object doesn't exist on the broker."


class Rejected(BrokerError):
    code = "rejected"
    retryable = False
    summary = "The broker refused the request."


class Conflict(Rejected):
    code = "conflict"
    summary = "The object exists on the broker with different properties."


class BrokerFailed(BrokerError):
    code = "broker_failed"
    summary = "The broker answered with an internal error."


class StatsDisabled(BrokerError):
    code = "stats_disabled"
    retryable = False
    summary = "The broker's statistics are disabled."


class UnaddressableName(BrokerError):
    code = "unaddressable_name"
    retryable = False
    summary = "This name can't be addressed over HTTP."


class PathRewritten(BrokerError):
    code = "path_rewritten"
    retryable = False
    summary = (
        "A proxy in front of the broker rewrites escaped characters such as %2F in paths, so this name "
        "can't be addressed through it."
    )


class MalformedAnswer(BrokerError):
    code = "malformed_answer"
    summary = "The answer doesn't come from RabbitMQ's management API."


class AnswerTooLarge(MalformedAnswer):
    code = "answer_too_large"
    summary = "The answer is larger than the console accepts."


class Redirected(MalformedAnswer):
    code = "redirected"
    summary = "The address redirects to another one. The console doesn't follow redirects."
