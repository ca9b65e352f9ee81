"""The topology of a virtual host as a definitions file describes it, without a broker."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from accessctl.patterns.check import preview
from console.kinds.operator_policy import OPERATOR_POLICY
from console.kinds.refusals.policy_targets import may_apply_to, unsupported_keys
from console.kinds.refusals.versions import BrokerFacts, version_of
from console.kinds.vhost import DEFAULT_TYPE
from console.reconcile.definitions.read import Definitions, parse_definitions
from vhosts.routing.core import topology as core
from vhosts.routing.core.in_force import Applied, alternate_of, queue_settings

_Rows = dict[str, Mapping[str, Any]]
_SECTIONS = frozenset({
    "", "exchanges", "queues", "bindings", "policies", OPERATOR_POLICY.section.name,
})  # fmt: skip
#: Seconds that matching one policy may take.
_BUDGET = 2.0


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
    of_kind: dict[str, _Rows] = {}
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
    exchange_rows, queue_rows = of_kind.get("exchange", {}), of_kind.get("queue", {})
    types = {name: _type_of(spec, default_type) for name, spec in queue_rows.items()}
    judge = _Judge(facts, [*exchange_rows, *(one.name for one in core.PREDECLARED)], types)
    policies = judge.winners(of_kind.get("policy", {}))
    operators = judge.winners(of_kind.get("operator_policy", {}))
    exchanges = [
        core.Exchange(
            name,
            str(spec.get("type", "direct")),
            bool(spec.get("internal", False)),
            spec.get("arguments") or {},
            alternate_of(spec.get("arguments") or {}, policies.get(("exchange", name))),
        )
        for name, spec in exchange_rows.items()
    ]
    predeclared = [
        replace(one, alternate=alternate_of({}, policies.get(("exchange", one.name))))
        for one in core.PREDECLARED
    ]
    queues = [
        core.Queue(
            name,
            types[name],
            queue_settings(
                types[name],
                spec.get("arguments") or {},
                policies.get(("queue", name)),
                operators.get(("queue", name)),
            ),
        )
        for name, spec in queue_rows.items()
    ]
    return core.build(
        vhost,
        [*predeclared, *exchanges],
        queues,
        bindings,
        version=version,
        incomplete=(
            *(str(one) for one in definitions.errors if one.section in _SECTIONS),
            *sorted(judge.unsure),
        ),
    )


def _type_of(spec: Mapping[str, Any], default_type: str) -> str:
    arguments = spec.get("arguments") or {}
    return str(arguments.get("x-queue-type") or default_type or "classic")


class _Judge:
    """Which policy applies to each exchange and queue: the one with the highest priority; of equal
    ones, the first by name. `unsure` has a sentence for each that can't be judged."""

    def __init__(self, facts: BrokerFacts, exchanges: list[str], types: Mapping[str, str]) -> None:
        self._facts = facts
        self._exchanges = exchanges
        self._types = types
        self.unsure: set[str] = set()

    def winners(self, policies: _Rows) -> dict[tuple[str, str], Applied]:
        found: dict[tuple[str, str], Applied] = {}
        for name, spec in sorted(policies.items(), key=_rank):
            definition = spec.get("definition") or {}
            for target in self._targets(name, spec, definition):
                found.setdefault(target, (name, definition))
        return found

    def _targets(
        self, policy: str, spec: Mapping[str, Any], definition: Mapping[str, Any]
    ) -> Iterator[tuple[str, str]]:
        apply_to = str(spec.get("apply_to", "all"))
        queues = [
            name
            for name, of_type in self._types.items()
            if may_apply_to(apply_to, of_type)
            and not unsupported_keys(definition, of_type, self._facts)
        ]
        exchanges = self._exchanges if apply_to in ("all", "exchanges") else []
        # An empty pattern matches every name.
        pattern = str(spec.get("pattern", "")) or "(?:)"
        for kind, names in (("queue", queues), ("exchange", exchanges)):
            seen = preview(pattern, names, len(names), budget=_BUDGET)
            if seen.refused:
                self.unsure.add(
                    f"Which names the policy {policy} matches isn't completely known: {seen.refused}"
                )
            yield from ((kind, name) for name in seen.sample)


def _rank(row: tuple[str, Mapping[str, Any]]) -> tuple[int, str]:
    return (-int(row[1].get("priority") or 0), row[0])
