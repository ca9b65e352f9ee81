"""Whether a broker of the version, plugins and exchange types that were last seen takes what is asked for: said
before it is sent, so that no change ends half done. Definitions read these again: their plans read the broker anyway."""

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
    """What the last poll knows of the broker. `specs` are other objects as they are to be. Plugins and exchange
    types come and go while a broker runs, so what a poll read too long ago counts as unknown."""

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
    """The version as the last poll read it; "" where it never did."""
    status = getattr(broker, "status", None)
    return status.rabbitmq_version if status is not None else ""


def needs_version(ref: Ref, spec: Spec | None) -> bool:
    """Whether the spec sets a field that some versions lack."""
    return spec is not None and any(
        (field.since or field.until)
        and field.name in spec
        and spec[field.name] != field.canonical(field.default)
        for field in KINDS[ref.kind].fields
    )


def read_version(store: BrokerObjects) -> BrokerFacts:
    """As the broker says right now. Raises BrokerError."""
    row = store.get("overview", query={"columns": "rabbitmq_version"})
    said = str(row.get("rabbitmq_version", "")) if isinstance(row, dict) else ""
    version = version_of(said)
    return BrokerFacts(version=version, said=said if version else "")


def faults_of_step(
    difference: Difference, spec: Spec | None, facts: BrokerFacts
) -> Sequence[Fault]:
    """Of what the step would write; none for a deletion."""
    if spec is None or difference.op is Op.DELETE or difference.equal:
        return ()
    changed = None
    if difference.op not in (Op.CREATE, Op.REPLACE):
        changed = {*(field.name for field in difference.fields), *difference.untold}
    return faults_of(difference.ref, spec, facts, changed=changed)


def faults_of_plan(
    plan: Plan, specs: Mapping[Ref, Spec | None], observed: Mapping[Ref, Spec], facts: BrokerFacts
) -> Iterator[tuple[Ref, Fault]]:
    """Of all that the plan writes, also of a field that the broker doesn't tell of an object that is
    equal otherwise."""
    untold = [
        compare(ref, specs[ref], observed.get(ref))
        for ref in plan.unchanged
        if any(field.since or field.until for field in KINDS[ref.kind].fields)
    ]
    for difference in (*plan.steps, *untold):
        for fault in faults_of_step(difference, specs.get(difference.ref), facts):
            yield difference.ref, fault
