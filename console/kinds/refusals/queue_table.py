"""The arguments of queues: what each means, which queue types take it, and what RabbitMQ checks.

Sources: as in `queue_arguments.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from console.kinds.refusals.checks import (
    Check,
    age,
    anything,
    between,
    not_negative,
    number,
    one_of,
    positive,
    segment,
    some_time,
    ten_years,
    text,
    true_or_false,
)
from console.kinds.refusals.versions import BrokerFacts

TYPE = "x-queue-type"
CLASSIC, QUORUM, STREAM = TYPES = ("classic", "quorum", "stream")
_QUEUES = (CLASSIC, QUORUM)


Unit = Literal["", "ms", "bytes", "messages", "deliveries", "members", "age"]
Control = Literal["number", "text", "choice", "flag"]


@dataclass(frozen=True, slots=True)
class Argument:
    """An argument of queues, for the judge, forms, pages and the API's description. `types`: queue
    types that accept it. From version `alone` on, the other types refuse it; earlier versions ignore
    it.

    Before `since`, no type knows it, so all accept it. From `until` on, it has no effect or is
    refused. `changes`: other checks, each with the first version in which it applies, latest first.
    `also`: another type that accepts it, from a version on. `least`, `most` and `choices` are what
    `check` takes; None and () for no bound.
    """

    types: Sequence[str]
    check: Check
    label: str
    help: str
    unit: Unit = ""
    control: Control = "number"
    least: int | None = None
    most: int | None = None
    choices: Sequence[str] = ()
    #: Its mark in the list of queues; "": none.
    mark: str = ""
    since: str = ""
    until: str = ""
    alone: str = ""
    changes: Sequence[tuple[str, Check]] = ()
    also: tuple[str, str] = ("", "")

    def takes(self, of_type: str, facts: BrokerFacts) -> bool:
        return of_type in self.types or (of_type == self.also[0] and facts.at_least(self.also[1]))

    def check_of(self, facts: BrokerFacts) -> Check:
        return next((check for since, check in self.changes if facts.at_least(since)), self.check)

    def is_offered(self, of_type: str, facts: BrokerFacts) -> bool:
        """Return whether a new queue of the type can use it on this broker."""
        known = facts.at_least(self.since) and (
            facts.version is None or not self.until or facts.before(self.until)
        )
        return known and self.takes(of_type, facts)

    @property
    def range(self) -> str:
        """Return the bounds of a number: "0 to 255", "1 or more"; "" for none."""
        if self.least is not None and self.most is not None:
            return f"{self.least:,} to {self.most:,}"
        return "" if self.least is None else f"{self.least:,} or more"


_LOCATORS = ("client-local", "balanced", "least-leaders", "random")
_MASTERS = ("client-local", "min-masters", "random")
_STRATEGIES = ("at-most-once", "at-least-once")
_OVERFLOWS = ("drop-head", "reject-publish", "reject-publish-dlx")
_MODES = ("default", "lazy")
_TEN_YEARS_MS = 315_360_000_000

#: By name, in the order of the form. This is the only table of them.
ARGUMENTS: Mapping[str, Argument] = {
    "x-message-ttl": Argument(
        _QUEUES, ten_years, "Message TTL",
        "Messages are dropped or dead-lettered after this time.",
        "ms", least=0, most=_TEN_YEARS_MS, mark="TTL",
    ),
    "x-expires": Argument(
        _QUEUES, some_time, "Auto expire",
        "RabbitMQ deletes the queue after it has been unused for this time: no consumers, no gets.",
        "ms", least=1, most=_TEN_YEARS_MS, mark="Exp",
    ),
    "x-max-length": Argument(
        _QUEUES, not_negative, "Max length",
        "Maximum number of ready messages before the overflow behaviour applies.",
        "messages", least=0, mark="Lim",
    ),
    "x-max-length-bytes": Argument(
        TYPES, not_negative, "Max length in bytes",
        "Maximum total size of message bodies before the overflow behaviour applies; "
        "a stream drops its oldest segments.",
        "bytes", least=0, mark="Lim B",
    ),
    "x-overflow": Argument(
        _QUEUES, one_of(*_OVERFLOWS), "Overflow behaviour",
        "What happens at the limit: drop-head drops the oldest message, reject-publish rejects "
        "the new one, reject-publish-dlx also dead-letters it.",
        control="choice", choices=_OVERFLOWS, mark="Ovfl",
    ),
    "x-dead-letter-exchange": Argument(
        _QUEUES, text, "Dead letter exchange",
        "The exchange to which rejected, expired and dropped messages are republished.",
        control="text", mark="DLX",
    ),
    "x-dead-letter-routing-key": Argument(
        _QUEUES, text, "Dead letter routing key",
        "The routing key for dead-lettered messages, instead of their original one.",
        control="text", mark="DLK",
    ),
    "x-dead-letter-strategy": Argument(
        (QUORUM,), one_of(*_STRATEGIES), "Dead letter strategy",
        "at-least-once keeps a message until the target confirms it; at-most-once can lose it.",
        control="choice", choices=_STRATEGIES,
    ),
    "x-single-active-consumer": Argument(
        _QUEUES, true_or_false, "Single active consumer",
        "Only one consumer receives messages at a time; another takes over when it disconnects.",
        control="flag", mark="SAC",
    ),
    "x-max-priority": Argument(
        (CLASSIC,), between(0, 255), "Maximum priority",
        "The highest message priority supported; each level uses memory.",
        least=0, most=255, mark="Pri",
    ),
    "x-delivery-limit": Argument(
        (QUORUM,), anything, "Delivery limit",
        "A message returned this many times is dropped or dead-lettered; negative: no limit. "
        "The default is 20 from RabbitMQ 4.0 on.",
        "deliveries", mark="DL",
    ),
    "x-quorum-initial-group-size": Argument(
        (QUORUM,), positive, "Initial group size",
        "The number of members when the queue was created.",
        "members", least=1,
    ),
    "x-initial-cluster-size": Argument(
        (STREAM,), positive, "Initial cluster size",
        "The number of members when the stream was created.",
        "members", least=1,
    ),
    "x-queue-leader-locator": Argument(
        (QUORUM, STREAM), one_of(*_LOCATORS), "Leader locator",
        "Where the leader is placed: client-local uses the client’s node, balanced distributes "
        "leaders over the nodes.",
        control="choice", choices=_LOCATORS, also=(CLASSIC, "3.11"),
    ),
    "x-max-age": Argument(
        (STREAM,), age, "Max age",
        "Segments are dropped once all their messages are older: a number and Y, M, D, h, m or s.",
        "age", control="text", mark="Age",
    ),
    "x-stream-max-segment-size-bytes": Argument(
        (STREAM,), segment, "Segment size",
        "The size at which a new segment file starts.",
        "bytes", least=0, most=3_000_000_000,
    ),
    "x-stream-filter-size-bytes": Argument(
        (STREAM,), between(16, 255), "Filter size",
        "Size of the Bloom filter that lets consumers skip irrelevant chunks.",
        "bytes", least=16, most=255, since="3.13", alone="4.3",
    ),
    "x-consumer-timeout": Argument(
        (QUORUM,), not_negative, "Consumer timeout",
        "RabbitMQ closes the channel of a consumer that doesn’t acknowledge a message within this time.",
        "ms", least=0, since="4.3",
    ),
    "x-consumer-disconnected-timeout": Argument(
        (QUORUM,), not_negative, "Disconnected consumer timeout",
        "How long messages of a consumer on an unreachable node are held before redelivery.",
        "ms", least=0, since="4.3",
    ),
    "x-delayed-retry-type": Argument(
        (QUORUM,), text, "Delayed retry",
        "Which messages are delayed before redelivery: all, failed, returned or disabled.",
        control="text", since="4.3",
    ),
    "x-delayed-retry-min": Argument(
        (QUORUM,), number, "Shortest retry delay", "Delay before the first retry.",
        "ms", since="4.3",
    ),
    "x-delayed-retry-max": Argument(
        (QUORUM,), number, "Longest retry delay", "Maximum delay before a retry.",
        "ms", since="4.3",
    ),
    "x-queue-version": Argument(
        (CLASSIC,), between(1, 2), "Storage version",
        "Storage version of the classic queue; version 2 uses less memory.",
        least=1, most=2, changes=(("4.3", between(2, 2)),),
    ),
    "x-queue-mode": Argument(
        (CLASSIC,), one_of(*_MODES), "Mode (obsolete)",
        "lazy kept messages on disk; no effect from RabbitMQ 3.12 on.",
        control="choice", choices=_MODES, until="3.12", changes=(("4.3", anything),),
    ),
    # 3.10.8 never answers for some other values, and uses a full core until it is restarted.
    "x-queue-master-locator": Argument(
        (CLASSIC,), one_of(*_MASTERS), "Master locator (deprecated)",
        "Old name of the leader locator; rejected by default from RabbitMQ 4.3 on.",
        control="choice", choices=_MASTERS, until="3.11", changes=(("4.0", anything),),
    ),
    "x-max-in-memory-length": Argument(
        (QUORUM,), not_negative, "Max in-memory length",
        "Maximum number of messages in memory; no effect from RabbitMQ 4.0 on.",
        "messages", least=0, until="4.0",
    ),
    "x-max-in-memory-bytes": Argument(
        (QUORUM,), not_negative, "Max in-memory bytes",
        "Maximum bytes of messages in memory; no effect from RabbitMQ 4.0 on.",
        "bytes", least=0, until="4.0",
    ),
}  # fmt: skip
