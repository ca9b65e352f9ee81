"""Where dead letters and unroutable messages go, by argument or policy, as last observed.

An argument precedes a policy (`rabbit_policy:get_arg`), except the overflow of a quorum queue.
Operator policies can't set these keys but the overflow, which isn't looked at. Streams have no dead letters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from console.models import Broker
from vhosts.models import Policy

DEAD_LETTER = "dead-letter-exchange"
DEAD_LETTER_KEY = "dead-letter-routing-key"
STRATEGY = "dead-letter-strategy"
ALTERNATE = "alternate-exchange"
FEDERATED = ("federation-upstream", "federation-upstream-set")
#: The most policies of a virtual host that are read.
_MOST = 5000

#: The definitions of a virtual host's policies that have one of these keys, by policy.
Policies = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Target:
    """An exchange that messages go to. `policy` is the policy that says so, "" for an argument.
    `routing_key` None: messages keep their own. `waits`: messages wait in the queue while they
    can't be routed (at-least-once)."""

    exchange: str
    policy: str
    routing_key: str | None = None
    waits: bool = False

    @property
    def source(self) -> str:
        return f"policy {self.policy}" if self.policy else "argument"


def policies_of(broker: Broker, vhost: str) -> Policies:
    """Return the policies that set where messages go, or that federate. One query."""
    keys = [DEAD_LETTER, DEAD_LETTER_KEY, STRATEGY, "overflow", ALTERNATE, *FEDERATED]
    rows = Policy.objects.filter(broker=broker, vhost=vhost, definition__has_any_keys=keys)
    return {
        name: definition
        for name, definition in rows.values_list("name", "definition")[:_MOST]
        if isinstance(definition, Mapping)
    }


def dead_letter_of(
    queue_type: str, arguments: Mapping[str, Any], policy: str, policies: Policies
) -> Target | None:
    """Return where a queue's dead letters go; None if they are dropped."""
    if queue_type == "stream":
        return None
    setting = policies.get(policy, {})
    exchange, by_policy = _in_force(f"x-{DEAD_LETTER}", DEAD_LETTER, arguments, setting)
    if exchange is None:
        return None
    key, _ = _in_force(f"x-{DEAD_LETTER_KEY}", DEAD_LETTER_KEY, arguments, setting)
    strategy, _ = _in_force(f"x-{STRATEGY}", STRATEGY, arguments, setting)
    overflow = setting.get("overflow", arguments.get("x-overflow"))
    waits = (queue_type, strategy, overflow) == ("quorum", "at-least-once", "reject-publish")
    return Target(exchange, policy if by_policy else "", key, waits)


def alternate_of(arguments: Mapping[str, Any], policy: str, policies: Policies) -> Target | None:
    """Return where messages go that an exchange can't route; None if they are dropped."""
    exchange, by_policy = _in_force(ALTERNATE, ALTERNATE, arguments, policies.get(policy, {}))
    return None if exchange is None else Target(exchange, policy if by_policy else "")


def federated_by(policy: str, policies: Policies) -> bool:
    return any(key in policies.get(policy, {}) for key in FEDERATED)


def setting_policies(policies: Policies, key: str, value: str) -> list[str]:
    """Return the policies whose definition has this value."""
    return [name for name, definition in policies.items() if definition.get(key) == value]


def _in_force(
    argument: str, key: str, arguments: Mapping[str, Any], definition: Mapping[str, Any]
) -> tuple[str | None, bool]:
    """Return the value and whether the policy sets it."""
    if argument in arguments:
        value = arguments[argument]
        return (value if isinstance(value, str) else None), False
    value = definition.get(key)
    return (value if isinstance(value, str) else None), True
