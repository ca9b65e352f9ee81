"""Whether a broker of this version, with these plugins, would accept an object. Checked before
sending.

Each kind says what is refused (`Field.since`, `Field.until`, `Kind.faults`). What is already on the
broker as desired isn't judged.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from console.kinds.common.kind import Kind, Ref, Spec
from console.kinds.refusals.versions import EVERY, BrokerFacts, Fault
from console.kinds.registry import KINDS

UNKNOWN_VERSION = (
    "The broker's version isn't known, so only what no version of RabbitMQ accepts is reported."
)


def faults_of(
    ref: Ref, spec: Spec, facts: BrokerFacts, *, changed: Collection[str] | None = None
) -> list[Fault]:
    """Return why the broker would refuse the object, and which parts would have no effect.

    `changed` are the fields that an existing object would change; None for a new one. If the
    version is unknown, only what every version refuses is found. Raises SpecError for an impossible
    spec.
    """
    kind = KINDS[ref.kind]
    whole = kind.canonical(spec)
    if facts.version is not None:
        return list(_judged(kind, ref, whole, facts, changed))
    found: list[Fault] = []
    for number, version in enumerate(EVERY):
        each = list(_judged(kind, ref, whole, replace(facts, version=version), changed))
        found = each if number == 0 else _in_both(found, each)
        if not found:
            break
    return found


def _in_both(some: list[Fault], others: list[Fault]) -> list[Fault]:
    fields = {one.field for one in some}
    return [one for one in others if one.field in fields]


def _judged(
    kind: Kind, ref: Ref, whole: Spec, facts: BrokerFacts, changed: Collection[str] | None
) -> Iterator[Fault]:
    for field in kind.fields:
        if whole[field.name] == field.canonical(field.default):
            continue
        if changed is not None and field.name not in changed:
            continue
        if not facts.at_least(field.since):
            yield Fault(
                field.name,
                f"{facts.called} has no field {field.title} for a {kind.noun}; "
                f"{field.since} and later have.",
                field.remedy,
            )
        elif not facts.before(field.until):
            yield Fault(
                field.name,
                f"{facts.called} has no field {field.title} for a {kind.noun}: it was removed in "
                f"{field.until}.",
                field.remedy,
            )
    for fault in kind.faults(ref.key, whole, replace(facts, changed=changed)):
        if changed is None or fault.field in changed or fault.field not in whole:
            yield fault
