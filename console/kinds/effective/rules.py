"""How RabbitMQ decides between values of one key: of a policy, an operator policy and an argument.

Sources: `rabbit_policies:merge_policy_value/3`, `rabbit_quorum_queue` (`gather_policy_config`,
`merge_policy_value`), `rabbit_amqqueue_process:process_args_policy/1`, `rabbit_stream_queue`
(`update_stream_conf`), `rabbit_queue_location:leader_locator/1`, `rabbit_channel`, and
`rabbit_policy:get_arg/3` of 3.10.8, 4.0.5 and 4.3.6; each was also tried by publishing
(`tests/truth/in_force.jsonl`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from console.kinds.effective.select import EXCHANGE
from console.kinds.refusals.policy_keys import MIRRORING
from console.kinds.refusals.versions import BrokerFacts

#: Which of two values counts.
Rule = Literal["lower", "higher", "first", "second", "limit"]

_LOWER = (
    "message-ttl", "max-length", "max-length-bytes", "max-in-memory-length", "max-in-memory-bytes",
    "expires",
)  # fmt: skip
#: Between a policy (first) and an operator policy (second).
_OPERATOR: Mapping[str, Rule] = {
    **dict.fromkeys(_LOWER, "lower"),
    "delivery-limit": "limit",
    "target-group-size": "higher",
    "delayed-retry-min": "higher",
    "delayed-retry-max": "lower",
}
#: Between a policy (first) and an argument (second), by the type of the target.
_ARGUMENT: Mapping[str, Mapping[str, Rule]] = {
    "classic": {
        **dict.fromkeys((*_LOWER, "consumer-timeout"), "lower"),
        "queue-leader-locator": "first",
    },
    "quorum": {
        **dict.fromkeys((*_LOWER, "consumer-timeout"), "lower"),
        **dict.fromkeys(
            ("delayed-retry-min", "delayed-retry-max", "consumer-disconnected-timeout"), "lower"
        ),
        **dict.fromkeys(("overflow", "delayed-retry-type", "queue-leader-locator"), "first"),
        "delivery-limit": "limit",
    },
    "stream": dict.fromkeys(
        (
            "max-length-bytes", "max-age", "stream-max-segment-size-bytes",
            "stream-filter-size-bytes", "initial-cluster-size", "queue-leader-locator",
        ),
        "first",
    ),
    EXCHANGE: {},
}  # fmt: skip
_SENTENCES: Mapping[Rule, str] = {
    "lower": "the lower value applies",
    "higher": "the higher value applies",
    "limit": "the lower value applies; negative means no limit and wins",
}
#: Keys that are read when the object is created, and never again.
ONLY_WHEN_CREATED = frozenset({
    "queue-leader-locator", "queue-master-locator", "initial-cluster-size",
    "stream-filter-size-bytes",
})  # fmt: skip
#: Arguments that no policy can set.
ONLY_ARGUMENTS = frozenset({
    "queue-type", "max-priority", "single-active-consumer", "quorum-initial-group-size",
    "cancel-on-ha-failover", "member-placement-tag",
})  # fmt: skip


def operator_rule(key: str, facts: BrokerFacts) -> Rule:
    """Return the rule between a policy (first) and an operator policy (second)."""
    if key == "delivery-limit" and not facts.at_least("4.0"):
        return "lower"
    return _OPERATOR.get(key, "second")


def argument_rule(key: str, of_type: str, facts: BrokerFacts) -> Rule:
    """Return the rule between a policy (first) and an argument (second)."""
    old = not facts.at_least("4.0")
    if of_type == "quorum" and old and key == "expires":
        return "first"
    if of_type == "quorum" and old and key == "delivery-limit":
        return "lower"
    if key == "queue-master-locator" and not old:
        return "first"
    return _ARGUMENT.get(of_type or "classic", _ARGUMENT["classic"]).get(key, "second")


def second_counts(rule: Rule, first: Any, second: Any) -> bool:
    """Return whether the second value is the one that counts. Of equal values, the first does."""
    if rule in ("first", "second"):
        return rule == "second"
    if rule == "limit" and (_below_zero(first) or _below_zero(second)):
        rule = "higher"
    less = _rank(second) < _rank(first)
    return less if rule in ("lower", "limit") else _rank(first) < _rank(second)


def sentence(rule: Rule, first: str, second: str) -> str:
    """Return the rule for people; `first` and `second` name where the values come from."""
    return _SENTENCES.get(rule) or f"{first if rule == 'first' else second} wins"


def _below_zero(value: Any) -> bool:
    return isinstance(value, int) and value < 0


def _rank(value: Any) -> tuple[int, Any]:
    """Return a value's place in Erlang's order of terms: numbers, then text, then anything else."""
    if isinstance(value, int | float):
        return (0, value)
    if isinstance(value, str):
        return (1, value.encode("utf-8", "surrogatepass"))
    return (2, str(value))


def why_no_effect(key: str, of_type: str, facts: BrokerFacts, value: Any = None) -> str:
    """Return why a broker of this version ignores the key on this type; "" if it uses it."""
    called = facts.called
    if of_type == EXCHANGE:
        return "" if key == "alternate-exchange" or key.startswith("federation-") else (
            "exchanges don't use it"
        )  # fmt: skip
    if key == "alternate-exchange":
        return "only exchanges use it"
    if key == "queue-mode" and facts.at_least("3.12"):
        return f"{called} ignores it"
    if key == "queue-version" and facts.at_least("4.3"):
        return f"{called} has version 2 only"
    if key.startswith("max-in-memory-") and (of_type != "quorum" or facts.at_least("4.0")):
        return f"{called} ignores it"
    if key == "consumer-timeout" and of_type != "quorum" and facts.at_least("4.3"):
        return f"{called} has it for quorum queues only"
    if key in MIRRORING and of_type != "classic":
        return "only classic queues use it"
    if key == "overflow" and of_type == "quorum" and value == "reject-publish-dlx":
        return "quorum queues take it for drop-head"
    return ""
