"""Whether RabbitMQ takes a second declaration of a queue for the same: clients that declare an existing
queue otherwise are refused (PRECONDITION_FAILED).

Source: `rabbit_amqqueue:assert_equivalence/4`, and the answers of 3.10.8, 4.0.5 and 4.3.6
(`tests/truth/redeclare.jsonl`). Arguments that a version doesn't know aren't compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from console.kinds.common.kind import Spec
from console.kinds.refusals.checks import has_null
from console.kinds.refusals.queue_arguments import queue_type
from console.kinds.refusals.queue_table import ARGUMENTS, TYPE
from console.kinds.refusals.versions import BrokerFacts

_UNITS = {"Y": 365 * 86_400, "M": 30 * 86_400, "D": 86_400, "h": 3600, "m": 60, "s": 1}


def inequivalent(there: Spec, declared: Spec, default: str | None, facts: BrokerFacts) -> list[str]:
    """Return the fields and arguments because of which RabbitMQ refuses `declared` for a queue that
    is `there`; empty if it takes both for the same. `default` is the virtual host's queue type."""
    found = [name for name in ("durable", "auto_delete") if there[name] != declared[name]]
    before, after = there["arguments"], declared["arguments"]
    of_type = _type(there, default, facts)
    if of_type != _type(declared, default, facts):
        found.append(TYPE)
    return [
        *found,
        *(name for name, value in after.items() if has_null(value)),
        *(
            name
            for name, argument in ARGUMENTS.items()
            if argument.takes(of_type, facts) and _differ(name, before, after, facts)
        ),
    ]


def _type(spec: Spec, default: str | None, facts: BrokerFacts) -> str:
    # Only queues that are durable and not auto-delete get the default.
    made = default if spec["durable"] and not spec["auto_delete"] else None
    return queue_type(spec["arguments"], made, facts)


def _differ(
    name: str, before: Mapping[str, Any], after: Mapping[str, Any], facts: BrokerFacts
) -> bool:
    argument = ARGUMENTS[name]
    if not facts.at_least(argument.alone or argument.since):
        return False
    one, other = before.get(name), after.get(name)
    if name == "x-max-age" and facts.at_least("4.3"):
        return _seconds(one) != _seconds(other)
    return one != other or type(one) is not type(other)


def _seconds(age: Any) -> Any:
    """Return an age such as "1D" in seconds; anything else unchanged."""
    if isinstance(age, str) and age[:-1].isdecimal() and age[-1:] in _UNITS:
        return int(age[:-1]) * _UNITS[age[-1]]
    return age
