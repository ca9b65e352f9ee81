"""Which queues a policy can apply to, by their type and the keys in it.

If a queue's type doesn't support one key of a policy, the whole policy doesn't apply to the queue.
The matching policy with the next lower priority applies instead. Exchanges support every key.
Sources: `rabbit_policy:matches/3`, and `rabbit_classic_queue:capabilities()` and those of quorum
queues and streams in 3.10.8, 4.0.5 and 4.3.6.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from console.kinds.refusals.policy_keys import MIRRORING
from console.kinds.refusals.versions import BrokerFacts

#: The queue types of each apply-to value. A queue of type "" is a classic queue.
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
#: Unsupported keys that 4.0 added to the list, and those that it removed.
_SINCE_4: Mapping[str, set[str]] = {
    "classic": {*_IN_MEMORY, "target-group-size"},
    "stream": {"target-group-size"},
}
_BEFORE_4: Mapping[str, set[str]] = {"classic": {"queue-leader-locator"}}


def may_apply_to(apply_to: str, queue_type: str) -> bool:
    """Return whether the apply-to value covers queues of the type. A type unknown here is covered
    by all and queues."""
    return (queue_type or "classic") in _TYPES.get(apply_to, ()) or (
        apply_to in ("all", "queues") and queue_type not in _TYPES["all"]
    )


def unsupported_keys(
    definition: Mapping[str, Any], queue_type: str, facts: BrokerFacts
) -> list[str]:
    """Return the keys that prevent the policy from applying to queues of the type. If the broker's
    version is unknown, only keys unsupported in every version count."""
    of_type = queue_type or "classic"
    unsupported = set(_UNSUPPORTED.get(of_type, ()))
    if facts.version is not None:
        later = facts.at_least("4.0")
        unsupported |= (_SINCE_4 if later else _BEFORE_4).get(of_type, set())
    return [key for key in definition if key in unsupported]
