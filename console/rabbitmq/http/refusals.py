"""Map a status other than 2xx to one of our errors."""

from __future__ import annotations

from console.rabbitmq.errors import (
    AccessRefused,
    BrokerError,
    BrokerFailed,
    Conflict,
    LoginRefused,
    NotFound,
    Redirected,
    Rejected,
    StatsDisabled,
    Unreachable,
)
from console.rabbitmq.http.said import read_said
from console.rabbitmq.text import printable


def error_for_status(status: int, body: bytes) -> BrokerError:
    """Return the error for an answer with this status. `body` can be anything.

    RabbitMQ answers 401 both for a wrong password ("not_authorized") and for a correct one without
    the right to do this ("not_authorised"). Only that letter distinguishes them, on 3.10 to 4.3.
    """
    said = read_said(body)
    detail = printable(said.text, 400)
    if 300 <= status < 400:
        return Redirected(f"The broker answered with a redirect ({status}).", status=status)
    if status == 401:
        if said.code == "not_authorised":
            return AccessRefused(detail, status=status)
        return LoginRefused("", status=status)
    if status == 403:
        return AccessRefused(detail, status=status)
    # 3.10 answers 406 from its static files if it has no such endpoint.
    if status in (404, 410) or (status == 406 and not body):
        return NotFound("" if said.reason == "Not Found" else detail, status=status)
    if status == 400 and "stats in management ui are disabled" in said.reason.lower():
        return StatsDisabled("", status=status)
    if status in (409, 412) or (status in (400, 406) and "inequivalent arg" in said.reason):
        return Conflict(detail, status=status)
    if status in (408, 429, 502, 503, 504):
        why = f": {detail}" if detail else "."
        return _Busy(
            f"The broker, or a proxy in front of it, is not available ({status}){why}",
            status=status,
        )
    if status >= 500:
        return BrokerFailed(detail or f"The broker answered {status}.", status=status)
    return Rejected(detail or f"The broker answered {status}.", status=status)


class _Busy(Unreachable):
    """Something answered, but not the broker."""

    summary = "The broker is not available."
