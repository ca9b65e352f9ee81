"""The meaning of each queue argument and policy key, as text.

Sources: RabbitMQ's documentation and validators (rabbit_amqqueue, rabbit_policies), from 3.10 to
4.3. What each version refuses is in `console/kinds/refusals/`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Unit = Literal["", "ms", "bytes", "messages", "deliveries", "members", "age"]
_CLASSIC, _QUORUM, _STREAM = "classic", "quorum", "stream"
_QUEUES = (_CLASSIC, _QUORUM)
_ALL = (_CLASSIC, _QUORUM, _STREAM)


@dataclass(frozen=True, slots=True)
class Meaning:
    """The meaning of a key. `types`: the queue types on which it has an effect; empty: it isn't
    about queues."""

    label: str
    sentence: str
    unit: Unit = ""
    types: tuple[str, ...] = _QUEUES
    #: Its mark in the list's features column; "": none.
    mark: str = ""


#: By policy key; the argument with the same meaning is x-<key>.
MEANINGS: Mapping[str, Meaning] = {
    "queue-type": Meaning("Queue type", "The type of the queue.", types=_ALL),
    "message-ttl": Meaning(
        "Message TTL",
        "Messages are dropped or dead-lettered after this time.",
        "ms",
        mark="TTL",
    ),
    "expires": Meaning(
        "Auto expire",
        "RabbitMQ deletes the queue after it has been unused for this time: no consumers, no gets.",
        "ms",
        mark="Exp",
    ),
    "max-length": Meaning(
        "Max length",
        "Maximum number of ready messages before the overflow behaviour applies.",
        "messages",
        mark="Lim",
    ),
    "max-length-bytes": Meaning(
        "Max length in bytes",
        "Maximum total size of message bodies before the overflow behaviour applies; "
        "a stream drops its oldest segments.",
        "bytes",
        _ALL,
        mark="Lim B",
    ),
    "overflow": Meaning(
        "Overflow behaviour",
        "What happens at the limit: drop-head drops the oldest message, reject-publish rejects "
        "the new one, reject-publish-dlx also dead-letters it.",
        mark="Ovfl",
    ),
    "dead-letter-exchange": Meaning(
        "Dead letter exchange",
        "The exchange to which rejected, expired and dropped messages are republished.",
        mark="DLX",
    ),
    "dead-letter-routing-key": Meaning(
        "Dead letter routing key",
        "The routing key for dead-lettered messages, instead of their original one.",
        mark="DLK",
    ),
    "dead-letter-strategy": Meaning(
        "Dead letter strategy",
        "at-least-once keeps a message until the target confirms it; at-most-once can lose it.",
        types=(_QUORUM,),
    ),
    "max-priority": Meaning(
        "Maximum priority",
        "The highest message priority supported; each level uses memory.",
        types=(_CLASSIC,),
        mark="Pri",
    ),
    "single-active-consumer": Meaning(
        "Single active consumer",
        "Only one consumer receives messages at a time; another takes over when it disconnects.",
        mark="SAC",
    ),
    "delivery-limit": Meaning(
        "Delivery limit",
        "A message returned this many times is dropped or dead-lettered; negative: no limit. "
        "The default is 20 from RabbitMQ 4.0 on.",
        "deliveries",
        (_QUORUM,),
        mark="DL",
    ),
    "quorum-initial-group-size": Meaning(
        "Initial group size",
        "The number of members when the queue was created.",
        "members",
        (_QUORUM,),
    ),
    "quorum-target-group-size": Meaning(
        "Target group size", "How many members the queue should have.", "members", (_QUORUM,)
    ),
    "target-group-size": Meaning(
        "Target group size", "How many members the queue should have.", "members", (_QUORUM,)
    ),
    "initial-cluster-size": Meaning(
        "Initial cluster size",
        "The number of members when the stream was created.",
        "members",
        (_STREAM,),
    ),
    "queue-leader-locator": Meaning(
        "Leader locator",
        "Where the leader is placed: client-local uses the client’s node, balanced distributes "
        "leaders over the nodes.",
        types=_ALL,
    ),
    "queue-master-locator": Meaning(
        "Master locator (deprecated)",
        "Old name of the leader locator; rejected by default from RabbitMQ 4.3 on.",
        types=(_CLASSIC,),
    ),
    "queue-version": Meaning(
        "Storage version",
        "Storage version of the classic queue; version 2 uses less memory.",
        types=(_CLASSIC,),
    ),
    "queue-mode": Meaning(
        "Mode (obsolete)",
        "lazy kept messages on disk; no effect from RabbitMQ 3.12 on.",
        types=(_CLASSIC,),
    ),
    "max-in-memory-length": Meaning(
        "Max in-memory length",
        "Maximum number of messages in memory; no effect from RabbitMQ 4.0 on.",
        "messages",
        (_QUORUM,),
    ),
    "max-in-memory-bytes": Meaning(
        "Max in-memory bytes",
        "Maximum bytes of messages in memory; no effect from RabbitMQ 4.0 on.",
        "bytes",
        (_QUORUM,),
    ),
    "consumer-timeout": Meaning(
        "Consumer timeout",
        "RabbitMQ closes the channel of a consumer that doesn’t acknowledge a message within this time.",
        "ms",
    ),
    "consumer-disconnected-timeout": Meaning(
        "Disconnected consumer timeout",
        "How long messages of a consumer on an unreachable node are held before redelivery.",
        "ms",
        (_QUORUM,),
    ),
    "delayed-retry-type": Meaning(
        "Delayed retry",
        "Which messages are delayed before redelivery: all, failed, returned or disabled.",
        types=(_QUORUM,),
    ),
    "delayed-retry-min": Meaning(
        "Shortest retry delay", "Delay before the first retry.", "ms", (_QUORUM,)
    ),
    "delayed-retry-max": Meaning(
        "Longest retry delay", "Maximum delay before a retry.", "ms", (_QUORUM,)
    ),
    "member-placement-tag": Meaning(
        "Member placement", "Members are placed only on nodes with this tag.", types=(_QUORUM,)
    ),
    "max-age": Meaning(
        "Max age",
        "Segments are dropped once all their messages are older: a number and Y, M, D, h, m or s.",
        "age",
        (_STREAM,),
        mark="Age",
    ),
    "stream-max-segment-size-bytes": Meaning(
        "Segment size", "The size at which a new segment file starts.", "bytes", (_STREAM,)
    ),
    "stream-filter-size-bytes": Meaning(
        "Filter size",
        "Size of the Bloom filter that lets consumers skip irrelevant chunks.",
        "bytes",
        (_STREAM,),
    ),
    "ha-mode": Meaning(
        "Mirroring mode",
        "Which nodes mirror a classic queue; removed in RabbitMQ 4.0.",
        types=(_CLASSIC,),
        mark="HA",
    ),
    "ha-params": Meaning(
        "Mirroring parameters", "Number of nodes, or their names.", types=(_CLASSIC,)
    ),
    "ha-sync-mode": Meaning(
        "Mirror synchronisation", "Whether new mirrors copy existing messages.", types=(_CLASSIC,)
    ),
    "ha-promote-on-shutdown": Meaning(
        "Promote on shutdown",
        "Whether an unsynchronised mirror can be promoted after a clean shutdown.",
        types=(_CLASSIC,),
    ),
    "ha-promote-on-failure": Meaning(
        "Promote on failure",
        "Whether an unsynchronised mirror can be promoted after a failure.",
        types=(_CLASSIC,),
    ),
    "ha-sync-batch-size": Meaning(
        "Synchronisation batch", "Number of messages copied per batch.", "messages", (_CLASSIC,)
    ),
    "federation-upstream": Meaning(
        "Federation upstream", "Receives messages from this upstream's queue.", types=_ALL
    ),
    "federation-upstream-set": Meaning(
        "Federation upstream set", "Receives messages from every upstream in this set.", types=_ALL
    ),
    "federation-upstream-pattern": Meaning(
        "Federation upstream pattern",
        "Receives messages from every upstream whose name matches.",
        types=_ALL,
    ),
    "alternate-exchange": Meaning(
        "Alternate exchange",
        "Where an exchange sends messages it can't route. Only for exchanges.",
        types=(),
    ),
}
