"""What follows in the queues that get a message: its time to live, limits and dead letters.

A queue dead-letters a message that a consumer rejects, that expires, that is dropped from the head of a
full queue, or (quorum queues) that was delivered too often. RabbitMQ drops a dead letter on its way to
a queue that it already went through, unless a consumer rejected it on that cycle. Sources:
`rabbit_dead_letter.erl`, `rabbit_fifo_dlx.erl`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from vhosts.routing.core.matching.matcher import Message
from vhosts.routing.core.text import counted, lasting, shown, shown_exchange
from vhosts.routing.core.topology import DEFAULT, Queue, Setting, Topology
from vhosts.routing.core.trace import After, DeadLetters
from vhosts.routing.core.walk import Walk, by_name

#: Dead-letter hops followed in all, so that the answer stays short.
_MOST_HOPS = 60
#: Queues in one chain.
_LONGEST_CHAIN = 8


class _Budget:
    def __init__(self) -> None:
        self.left = _MOST_HOPS


def what_follows(
    topology: Topology, queues: Iterable[str], message: Message, properties: Mapping[str, Any]
) -> tuple[After, ...]:
    budget = _Budget()
    expiration = properties.get("expiration")
    return tuple(
        _after(topology, name, message, int(expiration) if expiration else None, (), budget)
        for name in queues
    )


def _after(
    topology: Topology,
    name: str,
    message: Message,
    expiration: int | None,
    chain: tuple[tuple[str, frozenset[str]], ...],
    budget: _Budget,
) -> After:
    queue = topology.queues.get(name)
    # A poll may have found the queue before an inventory read how it was declared.
    if queue is None or not queue.type:
        return After(name, "", ("Nothing is known of its settings.",))
    if queue.type == "stream":
        return After(name, queue.type, _stream_facts(queue))
    at = next((n for n, (one, _) in enumerate(chain) if one == name), None)
    if at is not None:
        return After(name, queue.type, cycle=_cycle(chain[at:]))
    if len(chain) >= _LONGEST_CHAIN:
        return After(name, queue.type, ("The chain isn't followed further here.",))
    reasons, facts = _reasons(queue, expiration)
    dead = _dead(topology, queue, reasons, message, chain, budget)
    return After(name, queue.type, tuple(facts), dead)


def _cycle(through: tuple[tuple[str, frozenset[str]], ...]) -> str:
    automatic = all(reasons - {"rejected"} for _, reasons in through)
    said = " → ".join(shown(one) for one, _ in (*through, through[0]))
    if not automatic:
        return f"A cycle ({said}). The cycle repeats each time a consumer rejects the message."
    return (
        f"A cycle ({said}). RabbitMQ drops the message here if no consumer rejected it on the way; after a "
        "rejection it goes round again."
    )


def _stream_facts(queue: Queue) -> tuple[str, ...]:
    facts = ["A stream keeps messages after they are read, and never dead-letters them."]
    if size := queue.settings.get("max-length-bytes"):
        facts.append(
            f"It drops its oldest segments from {size.value:,} bytes on (by {size.source})."
        )
    if age := queue.settings.get("max-age"):
        facts.append(f"It drops segments older than {shown(str(age.value))} (by {age.source}).")
    return tuple(facts)


def _reasons(queue: Queue, expiration: int | None) -> tuple[dict[str, str], list[str]]:
    """Why the queue may dead-letter the message, and what else happens to it there."""
    reasons = {"rejected": "a consumer rejects it without requeue"}
    facts = []
    ttl, source = _least(queue.settings.get("message-ttl"), expiration)
    if ttl is not None:
        reasons["expired"] = f"it expires after {lasting(ttl)} ({source})"
    facts += _limit_facts(queue, reasons)
    if queue.type == "quorum":
        limit = queue.settings.get("delivery-limit")
        if limit is not None and isinstance(limit.value, int) and limit.value >= 0:
            times = counted(limit.value, "time")
            reasons["delivery_limit"] = f"it is returned more than {times} (by {limit.source})"
    if expires := queue.settings.get("expires"):
        facts.append(
            f"The queue is deleted with its messages after {lasting(expires.value)} without use (by "
            f"{expires.source}); they aren't dead-lettered."
        )
    return reasons, facts


def _least(setting: Setting | None, expiration: int | None) -> tuple[int | None, str]:
    value = setting.value if setting and isinstance(setting.value, int) else None
    if value is not None and (expiration is None or value <= expiration):
        return value, f"by {setting.source}" if setting else ""
    return expiration, "its own expiration"


def _limit_facts(queue: Queue, reasons: dict[str, str]) -> list[str]:
    facts = []
    for name, unit in (("max-length", "messages"), ("max-length-bytes", "bytes")):
        limit = queue.settings.get(name)
        if limit is None or not isinstance(limit.value, int):
            continue
        at = f"{limit.value:,} {unit} (by {limit.source})"
        overflow = queue.value("overflow") or "drop-head"
        if overflow == "drop-head":
            reasons["maxlen"] = f"it is the oldest when the queue holds more than {at}"
        elif overflow == "reject-publish-dlx" and queue.type == "classic":
            reasons["maxlen"] = f"it arrives when the queue holds {at}; the publisher gets a nack"
        else:
            facts.append(
                f"At {at} the queue refuses further messages: with confirms, the publisher gets a nack, even "
                "if other queues took the message."
            )
    return facts


def _dead(
    topology: Topology,
    queue: Queue,
    reasons: Mapping[str, str],
    message: Message,
    chain: tuple[tuple[str, frozenset[str]], ...],
    budget: _Budget,
) -> DeadLetters:
    told = tuple(reasons.values())
    target = queue.settings.get("dead-letter-exchange")
    if target is None or not isinstance(target.value, str):
        return DeadLetters(
            told, None, "It has no dead letter exchange: the message is deleted instead."
        )
    given = queue.settings.get("dead-letter-routing-key")
    keys = message.keys if given is None else (str(given.value),)
    key_said = (
        f"with its own routing key{'s' if len(keys) > 1 else ''}"
        if given is None
        else f"with the key {shown(keys[0])} (by {given.source})"
    )
    sentence = (
        f"Dead letters go to {shown_exchange(target.value)} (by {target.source}) {key_said}."
        f"{_strategy(queue)}"
    )
    exchange = topology.exchanges.get(target.value)
    if exchange is None:
        missing = "The exchange doesn't exist, so they are lost."
        if "exchanges" not in topology.whole:
            missing = "The exchange isn't known, but not all exchanges are."
        return DeadLetters(told, target.value, f"{sentence} {missing}")
    if budget.left <= 0:
        return DeadLetters(told, target.value, f"{sentence} The chain isn't followed further here.")
    budget.left -= 1
    headers = {n: v for n, v in message.headers.items() if given is None or n != "CC"}
    letter = Message(keys, headers)
    if exchange.name == DEFAULT:
        queues, possible, root = by_name(topology, letter)
    else:
        walk = Walk(topology, letter)
        walk.follow(exchange)
        root = walk.tree(exchange, "yes", "dead letters arrive here", via="publish")
        queues, possible = walk.queues, walk.possible
    if not queues and not possible:
        lost = "No queue gets them there: they are lost."
        if _at_least_once(queue):
            lost = "No queue gets them there: the quorum queue keeps them and tries again."
        sentence = f"{sentence} {lost}"
    through = (*chain, (queue.name, frozenset(reasons)))
    then = tuple(
        _after(topology, name, letter, None, through, budget) for name in [*queues, *possible][:20]
    )
    return DeadLetters(told, target.value, sentence, root, tuple(queues), tuple(possible), then)


def _at_least_once(queue: Queue) -> bool:
    return (
        queue.type == "quorum"
        and queue.value("dead-letter-strategy") == "at-least-once"
        and queue.value("overflow") == "reject-publish"
    )


def _strategy(queue: Queue) -> str:
    if queue.value("dead-letter-strategy") != "at-least-once" or queue.type != "quorum":
        return ""
    if _at_least_once(queue):
        return " At least once: the queue keeps each message until its target has confirmed it."
    return " At-least-once has no effect, because it needs the overflow reject-publish."
