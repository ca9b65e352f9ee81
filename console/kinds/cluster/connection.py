"""Open connections of clients. A connection has no desired state: it can only be closed.

RabbitMQ addresses a connection by its name, which is made of both addresses, so a later connection
from the same port has the same name. Closing therefore compares when it was opened. Sources:
`rabbit_mgmt_wm_connection.erl`, `rabbit_stream_connection_mgmt.erl`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from console.kinds.common.acts import REASON, Act, Facts, Get, Parameters
from console.kinds.common.kind import Key, Kind
from console.kinds.common.rows import Section
from console.kinds.common.wire import Call, Named
from console.rabbitmq.errors import NotFound
from console.rabbitmq.management.answers import must_name

#: Parameters of CLOSE: when it was opened, as `opened_at` writes it, and whose it is.
OPENED, USER = "opened", "user"
#: RabbitMQ sends the reason to the client in at most 255 bytes, with some of its own.
_MOST_REASON = 200
_NO_REASON = "Closed by an operator"


def opened_at(milliseconds: int) -> str:
    """Return RabbitMQ's time of a connection, exact to the millisecond, for people."""
    at = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return f"{at:%Y-%m-%d %H:%M:%S}.{milliseconds % 1000:03d} UTC"


def reason_for_client(text: str) -> str:
    """Return a reason as it fits in a header: one line of printable ASCII."""
    line = " ".join(text.split())
    shown = "".join(char if char.isascii() and char.isprintable() else "?" for char in line)
    return shown[:_MOST_REASON].strip() or _NO_REASON


def _reads(key: Key, parameters: Parameters, get: Get) -> Facts:
    try:
        row: Any = get("connections", key[1])
    except NotFound:
        return {"there": False}
    must_name(row, name=key[1])
    opened, channels = row.get("connected_at"), row.get("channels")
    return {
        "there": True,
        "same": isinstance(opened, int)
        and opened_at(opened) == parameters[OPENED]
        and row.get("vhost") == key[0]
        and row.get("user") == parameters[USER],
        "channels": channels if isinstance(channels, int) else None,
    }


def _why_not_closed(before: Facts) -> str:
    if not before["there"]:
        return "RabbitMQ doesn't list this connection any more: it has already closed."
    if not before["same"]:
        return (
            "The connection has already closed. Another one has the same addresses now; it wasn't "
            "closed. If it should be, close it from the list of connections."
        )
    return ""


def _closed(before: Facts, after: Facts | None) -> str:
    if after is None:
        return "RabbitMQ accepted it. Whether the connection is gone couldn't be read afterwards."
    if after["there"] and after["same"]:
        # RabbitMQ waits until the client has answered.
        return "RabbitMQ is closing the connection; it stays listed until the client answers."
    number = before["channels"]
    if number is None:
        return "The connection is closed."
    return (
        f"The connection is closed. It had {number:,} {'channel' if number == 1 else 'channels'}."
    )


CLOSE = Act(
    name="close",
    verb="Close",
    call=lambda key, said: Call(
        "DELETE",
        ("connections", key[1]),
        headers={"X-Reason": reason_for_client(said.get(REASON, ""))},
    ),
    reads=_reads,
    refuses=_why_not_closed,
    result=_closed,
    destructive=True,
)
CONNECTION = Kind(
    name="connection",
    noun="connection",
    identity=("vhost", "name"),
    fields=(),
    rank=0,
    vhost_at=0,
    has_state=False,
    wire=Named("connections", ("vhost", "name"), spec=lambda row: {}, body=lambda key, spec: {}),
    section=Section(name="connections", order=0, emit=lambda key, spec: iter(())),
    called="{1} in {0}",
    acts={CLOSE.name: CLOSE},
)
