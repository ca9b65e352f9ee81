"""Everything that can go wrong with a broker, as one tree.

    BrokerError
    ├─ Unreachable             nobody answered, or not for long enough
    │  ├─ NameNotResolved      the host name has no address
    │  ├─ ConnectionRefused    the host answered: nothing listens there
    │  ├─ ConnectionLost       the connection broke before the whole answer was here
    │  ├─ TlsFailed            certificate or protocol not acceptable
    │  │  └─ ClientCertificateRefused   the broker demands a certificate of ours, or refuses the one it got
    │  └─ TimedOut             the deadline of the whole exchange passed
    ├─ AddressForbidden        the address is one we must not connect to (link-local, metadata, ...)
    ├─ LoginRefused            wrong user or password: stop knocking
    ├─ AccessRefused           right password, not enough rights
    ├─ NotFound                no such object, or no such endpoint in this version
    ├─ Rejected                the broker understood the request and said no
    │  └─ Conflict             ... because what exists differs
    ├─ BrokerFailed            5xx: the broker's own failure, or our request of a wrong type
    ├─ StatsDisabled           the broker keeps no statistics, so it cannot say
    ├─ UnaddressableName       a name that cannot be sent safely in a path; nothing was sent
    ├─ PathRewritten           a proxy changes this path on the way, so it means another object
    └─ MalformedAnswer         an answer that cannot be used
       ├─ AnswerTooLarge       more bytes, rows or depth than we take
       └─ Redirected           we never follow

Every foreign exception (httpcore2, pika, ssl, socket, msgspec) is mapped to this tree at one edge
per transport, so callers need to know no other exception.
"""

from __future__ import annotations

from typing import ClassVar


class BrokerError(Exception):
    """A call to a broker did not give a usable answer.

    `code` is stable and goes to pages, the API and metrics. `retryable` is the one decision a
    caller needs: may the same call, unchanged, succeed later? `detail` is safe to show once
    escaped: it never holds a credential, but may hold text that the broker chose.
    """

    code: ClassVar[str] = "broker_error"
    retryable: ClassVar[bool] = True
    #: What to tell a person when nothing better is known.
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
    # The certificate may be renewed while we wait: retried, at the back-off's slow pace.
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
    # Repeating a refused log-in can lock the account or fill the broker's log.
    retryable = False
    summary = "The broker refused the username or password."


class AccessRefused(BrokerError):
    code = "access_refused"
    retryable = False
    summary = "The broker's user isn't allowed to do this."


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
