"""What RabbitMQ refuses in a queue's arguments, by version and queue type.

Sources: `rabbit_amqqueue.erl` (`declare_args`), `rabbit_queue_type.erl`, `rabbit_stream_queue.erl`,
and the answers of 3.10.8, 4.0.5 and 4.3.6 (`tests/truth/queue_declare.jsonl`). Every version
accepts an argument that isn't listed, without effect.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from console.kinds.refusals.checks import either, has_null
from console.kinds.refusals.queue_table import ARGUMENTS, CLASSIC, QUORUM, STREAM, TYPE, TYPES
from console.kinds.refusals.versions import BrokerFacts, Fault

__all__ = ["CLASSIC", "FOR_QUORUM", "QUORUM", "STREAM", "TYPE", "TYPES", "faults", "queue_type"]

FOR_QUORUM = "prepare_for_quorum_queue_migration"


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
        argument = ARGUMENTS.get(name)
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
