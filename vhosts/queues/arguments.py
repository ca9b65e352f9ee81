"""What queues can be, and what their arguments and policy keys mean.

Sources: RabbitMQ's own documentation and its validators (rabbit_amqqueue, rabbit_policies), from
3.10 to 4.3. A key that is not listed here is shown as it is, with nothing said about it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from console.faces.templatetags._text import sized

if TYPE_CHECKING:
    from vhosts.models import Queue

TYPES = {"classic": "Classic", "quorum": "Quorum", "stream": "Stream"}
#: States that a queue can be in, in RabbitMQ's words.
STATES = {
    "running": "Running",
    "idle": "Idle",
    "flow": "Flow",
    "syncing": "Syncing",
    "minority": "Minority",
    "down": "Down",
    "stopped": "Stopped",
    "crashed": "Crashed",
    "terminated": "Terminated",
}

Unit = Literal["", "ms", "bytes", "messages", "deliveries", "members", "age"]
_CLASSIC, _QUORUM, _STREAM = "classic", "quorum", "stream"
_QUEUES = (_CLASSIC, _QUORUM)
_ALL = (_CLASSIC, _QUORUM, _STREAM)


@dataclass(frozen=True, slots=True)
class Meaning:
    """`types`: the queue types on which the key has an effect; empty: it is not about queues."""

    label: str
    sentence: str
    unit: Unit = ""
    types: tuple[str, ...] = _QUEUES
    #: As the features column of the list writes it; "": not a feature worth a mark.
    mark: str = ""


#: By policy key; the argument of the same meaning is called x-<key>.
MEANINGS: Mapping[str, Meaning] = {
    "queue-type": Meaning("Queue type", "Which kind of queue this is.", types=_ALL),
    "message-ttl": Meaning(
        "Message TTL",
        "A message is dropped, or dead-lettered, after waiting this long.",
        "ms",
        mark="TTL",
    ),
    "expires": Meaning(
        "Auto expire",
        "The queue deletes itself after being unused for this long: no consumers, no gets.",
        "ms",
        mark="Exp",
    ),
    "max-length": Meaning(
        "Max length",
        "How many ready messages it holds before its overflow behaviour sets in.",
        "messages",
        mark="Lim",
    ),
    "max-length-bytes": Meaning(
        "Max length in bytes",
        "How many bytes of message bodies it holds before its overflow behaviour sets in; "
        "a stream drops its oldest segments.",
        "bytes",
        _ALL,
        mark="Lim B",
    ),
    "overflow": Meaning(
        "Overflow behaviour",
        "What happens at the limit: drop-head drops the oldest message, reject-publish refuses "
        "the new one, reject-publish-dlx also dead-letters it.",
        mark="Ovfl",
    ),
    "dead-letter-exchange": Meaning(
        "Dead letter exchange",
        "Where rejected, expired and dropped messages are published again.",
        mark="DLX",
    ),
    "dead-letter-routing-key": Meaning(
        "Dead letter routing key",
        "The routing key that dead-lettered messages get instead of their own.",
        mark="DLK",
    ),
    "dead-letter-strategy": Meaning(
        "Dead letter strategy",
        "at-least-once keeps a message until the target has confirmed it; at-most-once may lose it.",
        types=(_QUORUM,),
    ),
    "max-priority": Meaning(
        "Maximum priority",
        "How many message priorities are kept apart; each costs memory.",
        types=(_CLASSIC,),
        mark="Pri",
    ),
    "single-active-consumer": Meaning(
        "Single active consumer",
        "Only one consumer gets messages at a time; another takes over when it leaves.",
        mark="SAC",
    ),
    "delivery-limit": Meaning(
        "Delivery limit",
        "A message returned this many times is dropped or dead-lettered; negative: no limit. "
        "From RabbitMQ 4.0 it is 20 where nothing is set.",
        "deliveries",
        (_QUORUM,),
        mark="DL",
    ),
    "quorum-initial-group-size": Meaning(
        "Initial group size",
        "On how many nodes the queue was created.",
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
        "Initial cluster size", "On how many nodes the stream was created.", "members", (_STREAM,)
    ),
    "queue-leader-locator": Meaning(
        "Leader locator",
        "Where the leader is put: client-local takes the node the client is on, balanced spreads "
        "leaders over the nodes.",
        types=_ALL,
    ),
    "queue-master-locator": Meaning(
        "Master locator (deprecated)",
        "The older name of the leader locator; refused from RabbitMQ 4.3 by default.",
        types=(_CLASSIC,),
    ),
    "queue-version": Meaning(
        "Storage version",
        "Version of the classic queue's message store; 2 keeps less in memory.",
        types=(_CLASSIC,),
    ),
    "queue-mode": Meaning(
        "Mode (obsolete)",
        "lazy kept messages on disk; without effect from RabbitMQ 3.12.",
        types=(_CLASSIC,),
    ),
    "max-in-memory-length": Meaning(
        "Max in-memory length",
        "How many messages were kept in memory; without effect from RabbitMQ 4.0.",
        "messages",
        (_QUORUM,),
    ),
    "max-in-memory-bytes": Meaning(
        "Max in-memory bytes",
        "How many bytes were kept in memory; without effect from RabbitMQ 4.0.",
        "bytes",
        (_QUORUM,),
    ),
    "consumer-timeout": Meaning(
        "Consumer timeout",
        "A consumer that keeps a message unacknowledged for longer has its channel closed.",
        "ms",
    ),
    "consumer-disconnected-timeout": Meaning(
        "Disconnected consumer timeout",
        "How long messages of a consumer on an unreachable node are kept back.",
        "ms",
        (_QUORUM,),
    ),
    "delayed-retry-type": Meaning(
        "Delayed retry",
        "Which messages wait before they are delivered again: all, failed, returned or disabled.",
        types=(_QUORUM,),
    ),
    "delayed-retry-min": Meaning(
        "Shortest retry delay", "How long the first retry waits.", "ms", (_QUORUM,)
    ),
    "delayed-retry-max": Meaning(
        "Longest retry delay", "The longest that a retry waits.", "ms", (_QUORUM,)
    ),
    "member-placement-tag": Meaning(
        "Member placement", "Only nodes with this tag get a member.", types=(_QUORUM,)
    ),
    "max-age": Meaning(
        "Max age",
        "Segments whose messages are all older are dropped: a number and Y, M, D, h, m or s.",
        "age",
        (_STREAM,),
        mark="Age",
    ),
    "stream-max-segment-size-bytes": Meaning(
        "Segment size", "The size at which a new segment file is begun.", "bytes", (_STREAM,)
    ),
    "stream-filter-size-bytes": Meaning(
        "Filter size",
        "Size of the Bloom filter with which consumers skip chunks of no interest.",
        "bytes",
        (_STREAM,),
    ),
    "ha-mode": Meaning(
        "Mirroring mode",
        "Classic mirrored queue: on which nodes; removed in RabbitMQ 4.0.",
        types=(_CLASSIC,),
        mark="HA",
    ),
    "ha-params": Meaning(
        "Mirroring parameters", "How many nodes, or which ones.", types=(_CLASSIC,)
    ),
    "ha-sync-mode": Meaning(
        "Mirror synchronisation", "Whether new mirrors copy what is there.", types=(_CLASSIC,)
    ),
    "ha-promote-on-shutdown": Meaning(
        "Promote on shutdown",
        "Whether an unsynchronised mirror may take over after a clean stop.",
        types=(_CLASSIC,),
    ),
    "ha-promote-on-failure": Meaning(
        "Promote on failure",
        "Whether an unsynchronised mirror may take over after a failure.",
        types=(_CLASSIC,),
    ),
    "ha-sync-batch-size": Meaning(
        "Synchronisation batch", "How many messages are copied at once.", "messages", (_CLASSIC,)
    ),
    "federation-upstream": Meaning(
        "Federation upstream", "Takes messages from this upstream's queue.", types=_ALL
    ),
    "federation-upstream-set": Meaning(
        "Federation upstream set", "Takes messages from every upstream of this set.", types=_ALL
    ),
    "federation-upstream-pattern": Meaning(
        "Federation upstream pattern",
        "Takes messages from every upstream whose name matches.",
        types=_ALL,
    ),
    "alternate-exchange": Meaning(
        "Alternate exchange",
        "Where an exchange sends what it cannot route. Only for exchanges.",
        types=(),
    ),
}
#: What a virtual host and a user can be limited in.
LIMITS = {
    "max-connections": "connections at once",
    "max-queues": "queues",
    "max-channels": "channels at once",
}


@dataclass(frozen=True, slots=True)
class Explained:
    """A key with its value; `reading`: the value in words ("1 h 30 min"), `counted`: what it counts
    ("messages"), "" where that says no more. `meaning` None: unknown here. `effective` False:
    known, but without effect on a queue of this type."""

    key: str
    value: str
    reading: str
    meaning: Meaning | None
    effective: bool = True

    @property
    def counted(self) -> str:
        units = ("messages", "deliveries", "members")
        return self.meaning.unit if self.meaning and self.meaning.unit in units else ""


@dataclass(frozen=True, slots=True)
class Feature:
    mark: str
    meaning: str


def explain_arguments(arguments: Mapping[str, Any], queue_type: str) -> list[Explained]:
    """Each argument of a queue with what it means, in alphabetical order."""
    return [_explain(key, arguments[key], queue_type) for key in sorted(arguments)]


def explain_policy(definition: Mapping[str, Any], queue_type: str) -> list[Explained]:
    """Each key of a policy's definition with what it means for a queue of this type."""
    return [_explain(key, definition[key], queue_type) for key in sorted(definition)]


def features(queue: Queue) -> list[Feature]:
    """What sets the queue apart, as short marks with their meaning. Only what is known."""
    found = []
    if queue.durable:
        found.append(Feature("D", "Durable: the queue survives a restart of the broker."))
    if queue.auto_delete:
        found.append(Feature("AD", "Auto-delete: goes with its last consumer."))
    if queue.exclusive:
        found.append(Feature("Excl", "Exclusive: only the connection that declared it may use it."))
    others = []
    for one in explain_arguments(_mapping(queue.arguments), queue.type):
        if one.meaning and one.meaning.mark:
            said = f"{one.value} ({one.reading})" if one.reading else one.value
            found.append(Feature(one.meaning.mark, f"{one.meaning.label}: {said}"))
        elif one.key != "x-queue-type":
            others.append(one.key)
    if others:
        found.append(Feature("Args", f"Other arguments: {', '.join(others)}"))
    return found


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _explain(key: str, value: Any, queue_type: str) -> Explained:
    meaning = MEANINGS.get(key.removeprefix("x-"))
    effective = meaning is None or not queue_type or queue_type in meaning.types
    return Explained(key, _text(value), _reading(value, meaning), meaning, effective)


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 2000 else text[:2000] + "…"


def _reading(value: Any, meaning: Meaning | None) -> str:
    """A number in words a person reads at once ("1 h 30 min"); "" where the value says it all."""
    if meaning is None or isinstance(value, bool) or not isinstance(value, int):
        return ""
    if value < 0:
        return "no limit" if meaning.unit == "deliveries" else ""
    if meaning.unit == "ms":
        return duration(value)
    if meaning.unit == "bytes":
        return " ".join(sized(value))
    return ""


def duration(ms: int) -> str:
    """`90 000` → "1 min 30 s": the two largest units that say it."""
    if ms < 1000:
        return f"{ms} ms"
    units: Sequence[tuple[str, int]] = (
        ("d", 86_400_000),
        ("h", 3_600_000),
        ("min", 60_000),
        ("s", 1000),
        ("ms", 1),
    )
    said: list[str] = []
    for name, size in units:
        count, ms = divmod(ms, size)
        if count:
            said.append(f"{count} {name}")
        if len(said) == 2:
            break
    return " ".join(said)
