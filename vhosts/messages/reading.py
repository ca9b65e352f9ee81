"""Record who read messages: where, how many and how. Never what was in them."""

from __future__ import annotations

from accessctl.authorize import AnyUser
from console.audit import record
from console.models import Broker


def record_reading(
    actor: AnyUser, broker: Broker, vhost: str, what: str, count: int, how: str
) -> None:
    """Add an audit entry for `count` messages read from `what`, such as "queue orders".

    `how` is one word or phrase: "peek", "download", "export", "listen". Call it in the transaction
    or request in which the messages are handed out, also when the reader sees metadata only.
    """
    record(
        "messages:read",
        target_kind="message",
        target=f"{vhost} / {what}",
        acting_user=actor,
        broker=broker,
        after={"messages": count, "how": how},
    )
