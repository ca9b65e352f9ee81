"""Which queues a policy can apply to, by their type and the keys in it.

A policy with one key that a queue's type doesn't support does not apply to the queue at all, and the matching
policy with the next lower priority does. Sources: `rabbit_policy:matches/3`, and what
`rabbit_classic_queue:capabilities()` and those of quorum queues and streams say in 3.10.8, 4.0.5 and 4.3.6.
Exchanges support every key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from console.kinds.refusals.policy_keys import MIRRORING
from console.kinds.refusals.versions import BrokerFacts

#: The queue types that each value of apply-to is for. A queue of type "" is a classic one.
_TYPES: Mapping[str, frozenset[str]] = {
    "all": frozenset({"classic", "quorum", "stream"}),
    "queues": frozenset({"classic", "quorum", "stream"}),
    "classic_queues": frozenset({"classic"}),
    "quorum_queues": frozenset({"quorum"}),
    "streams": frozenset({"stream"}),
}
_OF_STREAMS = {"max-age", "stream-max-segment-size-bytes", "initial-cluster-size"}
_OF_OTHERS = {"selector-fields", "selector-field-max-bytes"}
_IN_MEMORY = {"max-in-memory-length", "max-in-memory-bytes"}
_MIRRORED = {*MIRRORING, "queue-master-locator", "queue-mode", "max-priority"} - {
    "ha-sync-batch-size"
}
_UNSUPPORTED: Mapping[str, set[str]] = {
    "classic": {*_OF_STREAMS, *_OF_OTHERS, "delivery-limit", "dead-letter-strategy"},
    "quorum": {*_OF_STREAMS, *_OF_OTHERS, *_MIRRORED},
    "stream": {
        *_MIRRORED, *_IN_MEMORY, *_OF_OTHERS, "expires", "message-ttl", "dead-letter-exchange",
        "dead-letter-routing-key", "dead-letter-strategy", "max-length", "overflow", "delivery-limit",
    },
}  # fmt: skip
#: Those that 4.0 added, and those that it took from the list.
_SINCE_4: Mapping[str, set[str]] = {
    "classic": {*_IN_MEMORY, "target-group-size"},
    "stream": {"target-group-size"},
}
_BEFORE_4: Mapping[str, set[str]] = {"classic": {"queue-leader-locator"}}


def may_apply_to(apply_to: str, queue_type: str) -> bool:
    """Whether the value of apply-to takes in queues of the type. Of a type that isn't known here, all and
    queues do."""
    return (queue_type or "classic") in _TYPES.get(apply_to, ()) or (
        apply_to in ("all", "queues") and queue_type not in _TYPES["all"]
    )


def unsupported_keys(
    definition: Mapping[str, Any], queue_type: str, facts: BrokerFacts
) -> list[str]:
    """The keys for which the policy doesn't apply to queues of the type. Of a broker whose version isn't known,
    those that hold in every version."""
    of_type = queue_type or "classic"
    unsupported = set(_UNSUPPORTED.get(of_type, ()))
    if facts.version is not None:
        later = facts.at_least("4.0")
        unsupported |= (_SINCE_4 if later else _BEFORE_4).get(of_type, set())
    return [key for key in definition if key in unsupported]
