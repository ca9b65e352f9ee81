"""Whether messages of a queue can be read without harm, by its type, version and settings. Pure.

Reading means to get messages and to return them. Sources: `rabbit_fifo.erl` of 3.10.8, 4.0.5,
4.2.0 and 4.3.6 (return, requeue, delivery_count, acquired_count), release notes of 4.0.1 and 4.3.0.

| broker            | a returned message of a quorum queue                                        |
|-------------------|-----------------------------------------------------------------------------|
| before 4.0        | counts; dead-lettered above the delivery limit, if one is set               |
| 4.0 to 4.2        | counts; dead-lettered above the delivery limit, 20 unless set               |
| 4.3 and later     | doesn't count; is delayed if delayed-retry-type covers returned messages    |

A quorum queue puts a returned message behind those that were returned before; without a delivery
limit, before 4.3, behind all others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from console.kinds.refusals.versions import Version

#: The limit of RabbitMQ 4.0 and later if nothing sets another one.
DEFAULT_LIMIT = 20
#: From this version on, an explicit return isn't counted.
_UNCOUNTED: Version = (4, 3, 0)
_DEFAULTED: Version = (4, 0, 0)
_FILTERED: Version = (3, 13, 0)
_DELAYS = ("all", "returned")

#: get: a peek; consume: a stream, read from an offset; none: not readable here.
Way = Literal["get", "consume", "none"]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a queue. None always means unknown.

    `limit` is the delivery limit in force: None if nothing sets one, negative if it is switched off.
    `highest` is the highest count of returns that the last peek left behind.
    """

    type: str
    version: Version | None
    exclusive: bool | None = False
    limit: int | None = None
    highest: int = 0
    single_active: bool = False
    delayed_retry: str = ""
    consumers: int | None = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether and how a queue can be read.

    `refusal` is "" if it can; `instead` says what else helps. `limit` is None unless returns count;
    `left` is how many more looks the messages that were read last can bear.
    """

    way: Way
    refusal: str = ""
    instead: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    limit: int | None = None
    left: int | None = None
    filters: bool = False

    @property
    def counts(self) -> bool:
        return self.limit is not None

    @property
    def spare(self) -> int:
        """How many returns are left to consumers."""
        return 0 if self.limit is None else spare_of(self.limit)


def spare_of(limit: int) -> int:
    """Return how many of the returns up to a delivery limit peeks leave to consumers."""
    return max(1, limit // 4)


def counted_limit(facts: Facts) -> int | None:
    """Return the limit against which a peek counts; None if it doesn't count against any."""
    if facts.type != "quorum":
        return None
    version, limit = facts.version, facts.limit
    if version is not None and version >= _UNCOUNTED:
        return None
    if limit is None:
        # Of an unknown version, the worst is assumed.
        return DEFAULT_LIMIT if version is None or version >= _DEFAULTED else None
    if limit < 0:
        # Before 4.0 a negative limit isn't "no limit".
        return None if version is not None and version >= _DEFAULTED else 0
    return limit


def judge(facts: Facts) -> Verdict:
    """Return whether the queue can be read without harm, and what a reader must know before."""
    if facts.exclusive:
        return Verdict(
            "none", "The queue is exclusive: only the connection that declared it can read it."
        )
    if facts.type == "stream":
        knows = facts.version is None or facts.version >= _FILTERED
        return Verdict("consume", filters=knows)
    if facts.type not in ("classic", "quorum"):
        return Verdict("none", _unknown(facts.type))
    if facts.type == "quorum" and facts.single_active:
        return Verdict(
            "none",
            "RabbitMQ doesn't let anybody get single messages of a quorum queue with a single active consumer.",
            _INSTEAD,
        )
    limit = counted_limit(facts)
    warnings = tuple(_warnings(facts))
    if limit is None:
        return Verdict("get", warnings=warnings)
    left = max(0, limit - facts.highest)
    if left <= spare_of(limit):
        return Verdict("none", _used_up(limit, left), _INSTEAD, warnings, limit, left)
    return Verdict("get", warnings=warnings, limit=limit, left=left)


_INSTEAD = (
    "To see new messages without touching these, listen to the queue's bindings.",
    "To read messages repeatedly, bind a stream beside the queue: reading a stream changes nothing.",
)


def _moves_behind_all(facts: Facts) -> bool:
    """Return whether returned messages go behind all others."""
    if facts.version is not None and facts.version >= _UNCOUNTED:
        return False
    defaulted = facts.version is not None and facts.version >= _DEFAULTED
    return facts.limit < 0 if facts.limit is not None else not defaulted


def _unknown(of_type: str) -> str:
    if of_type:
        return f"The console can't read queues of the type {of_type} without taking messages."
    return "The queue's type isn't known yet. Try again after the next inventory."


def _used_up(limit: int, left: int) -> str:
    returns = "1 return" if left == 1 else f"{left} returns"
    return (
        f"Each look counts as a failed delivery here, and RabbitMQ dead-letters or deletes a message "
        f"that is returned more than {limit} times. Messages of this queue have {returns} left, which "
        "are kept for its consumers."
    )


def _warnings(facts: Facts) -> list[str]:
    found = ["RabbitMQ marks the messages that are read as redelivered."]
    limit = counted_limit(facts)
    if limit is not None:
        found.append(
            f"Each look counts as a failed delivery: the delivery limit is {limit}, and "
            f"{spare_of(limit)} of them are kept for consumers."
        )
    if facts.type == "quorum" and _moves_behind_all(facts):
        found.append(
            "The queue has no delivery limit, so RabbitMQ puts messages that are read behind the others: "
            "their order changes unless all are read. Set a delivery limit by a policy to prevent this."
        )
    elif facts.type == "quorum":
        found.append(
            "RabbitMQ hands out returned messages in the order of their return: if you read fewer than "
            "were returned before, their order changes."
        )
    if facts.type == "quorum" and facts.delayed_retry in _DELAYS:
        found.append(
            "Delayed retry is on for returned messages: what you read is withheld from consumers for the "
            "delay that is set."
        )
    if facts.single_active:
        found.append(
            "The queue has a single active consumer. While the messages are read it may get later ones "
            "first, so they can be processed out of order."
        )
    if facts.consumers is None:
        found.append("It's unknown whether the queue has consumers.")
    elif facts.consumers:
        one = facts.consumers == 1
        found.append(
            f"{'1 consumer gets' if one else f'{facts.consumers:,} consumers get'} none of these messages "
            "until they are returned, and may get later ones first."
        )
    return found
