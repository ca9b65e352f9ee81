"""The topology of a virtual host as a definitions file describes it, without a broker."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from console.kinds.effective.select import EXCHANGE, Choice, Policies, Target
from console.kinds.operator_policy import OPERATOR_POLICY
from console.kinds.policy import POLICY
from console.kinds.refusals.versions import BrokerFacts, version_of
from console.kinds.vhost import DEFAULT_TYPE
from console.reconcile.definitions.read import Definitions, parse_definitions
from vhosts.policies.matching import matcher
from vhosts.policies.read import governing
from vhosts.routing.core import topology as core
from vhosts.routing.core.in_force import Deciding

_SECTIONS = frozenset({
    "", "exchanges", "queues", "bindings", "policies", OPERATOR_POLICY.section.name,
})  # fmt: skip


def read_file(body: bytes, vhost: str) -> Definitions:
    """Raises NotDefinitions."""
    return parse_definitions(body, vhost=vhost)


def topology_in(definitions: Definitions, vhost: str, default_type: str = "") -> core.Topology:
    """Return the topology of one virtual host of the file.

    `default_type`: the type of queues that name none; by default that of the virtual host in the
    file, else classic. What the file's reader left out is in `incomplete`.
    """
    version = version_of(definitions.version) if definitions.version else None
    facts = BrokerFacts(version=version, said=definitions.version)
    of_kind: dict[str, dict[str, Mapping[str, Any]]] = {}
    bindings = []
    for ref, spec in definitions.objects.items():
        if ref.kind == "vhost" and ref.key == (vhost,):
            default_type = default_type or str(spec.get(DEFAULT_TYPE) or "")
        if ref.key[0] != vhost:
            continue
        if ref.kind == "binding":
            _, source, to, destination, key, arguments = ref.key
            bindings.append(core.Binding(source, to, destination, key, json.loads(arguments)))
        elif len(ref.key) == 2:
            of_kind.setdefault(ref.kind, {})[ref.key[1]] = spec
    unsure: set[str] = set()
    deciding = _deciding(of_kind, facts, unsure)
    exchanges = {one.name: one for one in core.PREDECLARED} | {
        name: core.Exchange(
            name,
            str(spec.get("type", "direct")),
            bool(spec.get("internal", False)),
            spec.get("arguments") or {},
        )
        for name, spec in of_kind.get("exchange", {}).items()
    }
    queues = []
    for name, declared in of_kind.get("queue", {}).items():
        given: Mapping[str, Any] = declared.get("arguments") or {}
        of_type = str(given.get("x-queue-type") or default_type or "classic")
        queues.append(core.Queue(name, of_type, deciding.of_queue(name, of_type, given)))
    found = [
        replace(one, alternate=deciding.alternate(one.name, one.arguments))
        for one in exchanges.values()
    ]
    return core.build(
        vhost,
        found,
        queues,
        bindings,
        version=version,
        incomplete=(
            *(str(one) for one in definitions.errors if one.section in _SECTIONS),
            *sorted(unsure),
        ),
    )


def _deciding(
    of_kind: Mapping[str, Mapping[str, Mapping[str, Any]]], facts: BrokerFacts, unsure: set[str]
) -> Deciding:
    """`unsure` gets a sentence for each exchange whose policies can't be decided here."""
    matches = matcher(None)
    policies, operators = (
        Policies(
            (governing(name, spec) for name, spec in of_kind.get(kind, {}).items()), facts, matches
        )
        for kind in (POLICY.name, OPERATOR_POLICY.name)
    )

    def choose(target: Target) -> tuple[Choice, Choice]:
        found = policies.choose(target, whole=False), operators.choose(target, whole=False)
        if target.type == EXCHANGE and not found[0].is_certain:
            named = ", ".join(one.name for one in (*found[0].first, *found[0].undecided))
            unsure.add(f"Only the broker can tell which policy applies to {target.name}: {named}.")
        return found

    return Deciding(choose, facts)
