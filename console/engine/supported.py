"""Whether a broker of the last known version, plugins and exchange types supports a change.

Checked before anything is sent, so that no change ends half applied. Plans of definitions read
these again, because they read the broker anyway.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC
from typing import Any

from django.utils import timezone

from console.engine.applying.broker_objects import BrokerObjects
from console.kinds.common.kind import Key, Op, Ref, Spec
from console.kinds.refusals.versions import BrokerFacts, Fault, version_of
from console.kinds.registry import KINDS
from console.models import Broker
from console.reconcile.diff import Difference, compare
from console.reconcile.judge import faults_of
from console.reconcile.plan import Plan


def facts_of(broker: Broker, specs: Mapping[Ref, Spec | None] | None = None) -> BrokerFacts:
    """Return what the last poll knows of the broker. `specs` are the desired specs of other
    objects. Plugins and exchange types can change while a broker runs, so if they were read too
    long ago, they are unknown."""

    def other(kind: str, key: Key) -> Mapping[str, Any]:
        return (specs or {}).get(Ref(kind, key)) or {}

    facts = replace(facts_of_version(broker), other=other)
    status = getattr(broker, "status", None)
    if status is None or status.failures or status.is_stale(status.vitals_at, timezone.now()):
        return facts
    return replace(
        facts,
        exchange_types=_known(status.exchange_types),
        plugins=_known(status.plugins),
        polled=f" (as polled at {status.vitals_at.astimezone(UTC):%H:%M:%S} UTC)",
    )


def facts_of_version(broker: Broker) -> BrokerFacts:
    """The version only, for what is about to be sent: a plugin may have been enabled since the last poll, and
    the broker itself says whether it was."""
    said = version_said(broker)
    return BrokerFacts(version=version_of(said), said=said)


def _known(names: list[str] | None) -> frozenset[str] | None:
    return None if names is None else frozenset(names)


def version_said(broker: Broker) -> str:
    """Return the version from the last poll; "" if there was none."""
    status = getattr(broker, "status", None)
    return status.rabbitmq_version if status is not None else ""


def needs_version(ref: Ref, spec: Spec | None) -> bool:
    """Whether the spec sets a field that some versions don't have."""
    return spec is not None and any(
        (field.since or field.until)
        and field.name in spec
        and spec[field.name] != field.canonical(field.default)
        for field in KINDS[ref.kind].fields
    )


def read_version(store: BrokerObjects) -> BrokerFacts:
    """Read the version from the broker now. Raises BrokerError."""
    row = store.get("overview", query={"columns": "rabbitmq_version"})
    said = str(row.get("rabbitmq_version", "")) if isinstance(row, dict) else ""
    version = version_of(said)
    return BrokerFacts(version=version, said=said if version else "")


def faults_of_step(
    difference: Difference, spec: Spec | None, facts: BrokerFacts
) -> Sequence[Fault]:
    """Return the faults of what the step would write; none for a deletion."""
    if spec is None or difference.op is Op.DELETE or difference.equal:
        return ()
    changed = None
    if difference.op not in (Op.CREATE, Op.REPLACE):
        changed = {*(field.name for field in difference.fields), *difference.untold}
    return faults_of(difference.ref, spec, facts, changed=changed)


def faults_of_plan(
    plan: Plan, specs: Mapping[Ref, Spec | None], observed: Mapping[Ref, Spec], facts: BrokerFacts
) -> Iterator[tuple[Ref, Fault]]:
    """Yield the faults of everything that the plan writes, including fields that the broker doesn't
    report for an object that is otherwise equal."""
    untold = [
        compare(ref, specs[ref], observed.get(ref))
        for ref in plan.unchanged
        if any(field.since or field.until for field in KINDS[ref.kind].fields)
    ]
    for difference in (*plan.steps, *untold):
        for fault in faults_of_step(difference, specs.get(difference.ref), facts):
            yield difference.ref, fault
