"""Which setting of a queue or exchange is in force: argument, policy or operator policy.

For lengths, time to live, expiry and the delivery limit the lowest number counts. Otherwise an argument
wins over a policy, but for the overflow of quorum queues the policy wins. An operator policy counts
where it has the key. Source: what RabbitMQ 3.10.8, 4.0.5 and 4.3.6 were observed to do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from vhosts.routing.core.text import shown
from vhosts.routing.core.topology import Setting

#: Settings that decide what happens to a message in a queue.
_KEYS = (
    "dead-letter-exchange", "dead-letter-routing-key", "dead-letter-strategy", "delivery-limit",
    "expires", "max-age", "max-length", "max-length-bytes", "message-ttl", "overflow",
)  # fmt: skip
_LOWEST = frozenset({"delivery-limit", "expires", "max-length", "max-length-bytes", "message-ttl"})

#: A policy's name and definition; None: none applies.
Applied = tuple[str, Mapping[str, Any]] | None


def queue_settings(
    queue_type: str, arguments: Mapping[str, Any], policy: Applied, operator: Applied
) -> dict[str, Setting]:
    """Return the settings in force by their names in policies."""
    found = {}
    for key in _KEYS:
        candidates = list(_candidates(key, f"x-{key}", arguments, policy, operator))
        if not candidates:
            continue
        if key in _LOWEST:
            numbers = [one for one in candidates if _is_whole(one.value)]
            candidates = sorted(numbers, key=lambda one: one.value) or candidates
        elif key == "overflow" and queue_type == "quorum":
            candidates.sort(key=lambda one: one.source.startswith("the argument"))
        found[key] = candidates[0]
    return found


def alternate_of(arguments: Mapping[str, Any], policy: Applied) -> Setting | None:
    """Return the alternate exchange in force; an argument wins."""
    key = "alternate-exchange"
    found = [one for one in _candidates(key, key, arguments, policy, None) if _is_text(one.value)]
    return found[0] if found else None


def _candidates(
    key: str, argument: str, arguments: Mapping[str, Any], policy: Applied, operator: Applied
) -> Iterator[Setting]:
    if argument in arguments:
        yield Setting(arguments[argument], f"the argument {argument}")
    for kind, applied in (("policy", policy), ("operator policy", operator)):
        if applied is not None and key in applied[1]:
            yield Setting(applied[1][key], f"the {kind} {shown(applied[0])}")


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)
