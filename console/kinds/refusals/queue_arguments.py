"""What RabbitMQ refuses in a queue's arguments, by version and queue type.

Sources: `rabbit_amqqueue.erl` (`declare_args`), `rabbit_queue_type.erl`, `rabbit_stream_queue.erl`,
and the answers of 3.10.8, 4.0.5 and 4.3.6 (`tests/truth/queue_declare.jsonl`). Every version
accepts an argument that isn't listed, without effect.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from console.kinds.refusals.checks import (
    Check,
    age,
    anything,
    between,
    either,
    has_null,
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
from console.kinds.refusals.versions import BrokerFacts, Fault

TYPE = "x-queue-type"
CLASSIC, QUORUM, STREAM = TYPES = ("classic", "quorum", "stream")
_QUEUES = (CLASSIC, QUORUM)
FOR_QUORUM = "prepare_for_quorum_queue_migration"


@dataclass(frozen=True, slots=True)
class _Argument:
    """An argument of queues. `types`: queue types that accept it. From version `alone` on, the
    other types refuse it; earlier versions ignore it.

    Before `since`, no type knows it, so all accept it. `changes`: other checks, each with the first
    version in which it applies, latest first. `also`: another type that accepts it, from a version
    on.
    """

    types: Sequence[str]
    check: Check
    since: str = ""
    alone: str = ""
    changes: Sequence[tuple[str, Check]] = ()
    also: tuple[str, str] = ("", "")

    def takes(self, of_type: str, facts: BrokerFacts) -> bool:
        return of_type in self.types or (of_type == self.also[0] and facts.at_least(self.also[1]))

    def check_of(self, facts: BrokerFacts) -> Check:
        return next((check for since, check in self.changes if facts.at_least(since)), self.check)


_LOCATORS = one_of("client-local", "balanced", "least-leaders", "random")
_ARGUMENTS: Mapping[str, _Argument] = {
    "x-expires": _Argument(_QUEUES, some_time),
    "x-message-ttl": _Argument(_QUEUES, ten_years),
    "x-dead-letter-exchange": _Argument(_QUEUES, text),
    "x-dead-letter-routing-key": _Argument(_QUEUES, text),
    "x-dead-letter-strategy": _Argument((QUORUM,), one_of("at-most-once", "at-least-once")),
    "x-max-length": _Argument(_QUEUES, not_negative),
    "x-max-length-bytes": _Argument(TYPES, not_negative),
    "x-max-in-memory-length": _Argument((QUORUM,), not_negative),
    "x-max-in-memory-bytes": _Argument((QUORUM,), not_negative),
    "x-max-priority": _Argument((CLASSIC,), between(0, 255)),
    "x-overflow": _Argument(_QUEUES, one_of("drop-head", "reject-publish", "reject-publish-dlx")),
    "x-queue-mode": _Argument((CLASSIC,), one_of("default", "lazy"), changes=(("4.3", anything),)),
    "x-queue-version": _Argument((CLASSIC,), between(1, 2), changes=(("4.3", between(2, 2)),)),
    # 3.10.8 never answers for some other values, and uses a full core until it is restarted.
    "x-queue-master-locator": _Argument(
        (CLASSIC,),
        one_of("client-local", "min-masters", "random"),
        changes=(("4.0", anything),),
    ),
    "x-single-active-consumer": _Argument(_QUEUES, true_or_false),
    "x-delivery-limit": _Argument((QUORUM,), anything),
    "x-quorum-initial-group-size": _Argument((QUORUM,), positive),
    "x-queue-leader-locator": _Argument((QUORUM, STREAM), _LOCATORS, also=(CLASSIC, "3.11")),
    "x-max-age": _Argument((STREAM,), age),
    "x-stream-max-segment-size-bytes": _Argument((STREAM,), segment),
    "x-stream-filter-size-bytes": _Argument((STREAM,), between(16, 255), since="3.13", alone="4.3"),
    "x-initial-cluster-size": _Argument((STREAM,), positive),
    "x-consumer-timeout": _Argument((QUORUM,), not_negative, since="4.3"),
    "x-consumer-disconnected-timeout": _Argument((QUORUM,), not_negative, since="4.3"),
    "x-delayed-retry-type": _Argument((QUORUM,), text, since="4.3"),
    "x-delayed-retry-min": _Argument((QUORUM,), number, since="4.3"),
    "x-delayed-retry-max": _Argument((QUORUM,), number, since="4.3"),
}


def queue_type(arguments: Mapping[str, Any], default: str | None, facts: BrokerFacts) -> str:
    """Return the type of a queue with these arguments. `default` is the default of its virtual
    host, which 3.10 ignores."""
    said = arguments.get(TYPE)
    # From 4.1 on, an empty type counts as none.
    if said is not None and not (said == "" and facts.at_least("4.1")):
        return said if isinstance(said, str) else str(said)
    return default if default and facts.at_least("3.11") else CLASSIC


def faults(
    *, arguments: Mapping[str, Any], durable: bool, auto_delete: bool, default: str | None,
    facts: BrokerFacts,
) -> Iterator[Fault]:  # fmt: skip
    """Yield what the broker would refuse in a queue."""
    made = default if durable and not auto_delete else None
    of_type = queue_type(arguments, made, facts)
    if of_type not in TYPES:
        yield Fault(
            "arguments",
            f"{facts.called} has no queue type {of_type}. {TYPE} must be {either(TYPES)}.",
        )
        return
    if of_type != CLASSIC:
        if not durable:
            yield Fault("durable", f"A {of_type} queue must be durable in {facts.called}.")
        if auto_delete:
            yield Fault("auto_delete", f"A {of_type} queue can't be auto-delete in {facts.called}.")
    for name, value in arguments.items():
        if has_null(value):
            yield _fault(name, f"The argument {name} holds a null, which {facts.called} refuses.")
            continue
        argument = _ARGUMENTS.get(name)
        if argument is None or not facts.at_least(argument.since):
            continue
        if not argument.takes(of_type, facts):
            if facts.at_least(argument.alone):
                yield _fault(
                    name, f"{facts.called} refuses the argument {name} for {of_type} queues."
                )
        elif wrong := argument.check_of(facts)(value):
            yield _fault(name, f"The argument {name} {wrong} ({facts.called}).")
    if "x-dead-letter-routing-key" in arguments and "x-dead-letter-exchange" not in arguments:
        yield Fault(
            "arguments",
            f"{facts.called} refuses x-dead-letter-routing-key without x-dead-letter-exchange.",
        )
    if "x-queue-master-locator" in arguments and facts.at_least("4.3"):
        yield _fault(
            "x-queue-master-locator",
            f"{facts.called} refuses the argument x-queue-master-locator by default. "
            "Use x-queue-leader-locator.",
        )


_REMEDIED = ("x-queue-mode", "x-queue-master-locator")


def _fault(name: str, sentence: str) -> Fault:
    remedy = FOR_QUORUM if name in _REMEDIED or name.startswith("x-ha-") else ""
    return Fault("arguments", sentence, remedy)
