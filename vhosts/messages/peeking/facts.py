"""What is known of a queue that somebody wants to read: as last seen, and as the broker says now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from console.engine.supported import facts_of_version
from console.kinds.effective.select import NOTHING, Choice, Governing, Target
from console.kinds.effective.settings import InForce, in_force
from console.kinds.refusals.versions import BrokerFacts, version_of
from console.rabbitmq.management.client import ManagementClient
from console.rabbitmq.types import QueueNow
from vhosts.messages.peeking.guard import Facts
from vhosts.models import Queue
from vhosts.policies.read import seen_in

_NEGATIVE = -1


def stored_facts(queue: Queue, highest: int = 0) -> Facts:
    """Return what the last inventory knew. Two queries."""
    arguments = queue.arguments if isinstance(queue.arguments, dict) else {}
    version = facts_of_version(queue.broker)
    found = _stored(queue, Target(queue.name, queue.type, arguments))
    return _facts(
        queue.type, version, queue.exclusive, arguments, [found], queue.consumers, highest
    )


def facts_now(client: ManagementClient, queue: Queue, highest: int = 0) -> tuple[Facts, QueueNow]:
    """Return what the broker says now, with its own reading. Policies are taken both from the
    broker, whose report can be some seconds old, and from the last inventory: the stricter limit
    counts. Raises BrokerError."""
    now = client.queue_now(queue.vhost, queue.name)
    said = client.overview().rabbitmq_version
    version = BrokerFacts(version=version_of(said), said=said)
    target = Target(queue.name, now.info.type or "", now.info.arguments)
    ways = [_stored(queue, target)]
    if now.effective_policy is not None:
        reported = Governing("", "", "all", 0, now.effective_policy)
        ways.append(in_force(target, Choice(first=(reported,)), NOTHING, version))
    consumers = now.depth.consumers if now.consumers is None else len(now.consumers)
    facts = _facts(
        now.info.type or "", version, now.info.exclusive, now.info.arguments, ways, consumers,
        highest,
    )  # fmt: skip
    return facts, now


def _stored(queue: Queue, target: Target) -> InForce:
    seen = seen_in(queue.broker, queue.vhost)
    policies, operators = seen.both
    return in_force(target, policies.choose(target), operators.choose(target), seen.facts)


def _facts(
    of_type: str,
    version: BrokerFacts,
    exclusive: bool | None,
    arguments: Mapping[str, Any],
    ways: list[InForce],
    consumers: int | None,
    highest: int,
) -> Facts:
    retries = {one for one in _values(ways, "delayed-retry-type") if isinstance(one, str)}
    return Facts(
        type=of_type,
        version=version.version,
        exclusive=exclusive,
        limit=_strictest(_values(ways, "delivery-limit")),
        highest=highest,
        single_active=arguments.get("x-single-active-consumer") is True,
        delayed_retry=next((one for one in ("all", "returned") if one in retries), ""),
        consumers=consumers,
    )


def _values(ways: Iterable[InForce], key: str) -> list[Any]:
    """Return every value that may be in force."""
    found = []
    for way in ways:
        settings = way.unsure.get(key) or [one for one in way.settings if one.key == key]
        found += [one.value for one in settings if not one.no_effect]
    return found


def _strictest(values: Iterable[Any]) -> int | None:
    """Return the lowest limit; a negative one if a limit is switched off, None if none is set."""
    numbers = [one for one in values if isinstance(one, int) and not isinstance(one, bool)]
    limits = [one for one in numbers if one >= 0]
    if limits:
        return min(limits)
    return _NEGATIVE if numbers else None
