"""The policies of a virtual host as last seen, ready to be asked what applies."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from django.db.models import Model

from accessctl.patterns.check import dialect_of
from console.engine.supported import facts_of_version
from console.kinds.common.kind import Spec
from console.kinds.effective.select import Compile, Governing, Policies
from console.kinds.refusals.versions import BrokerFacts
from console.models import Broker
from vhosts.models import OperatorPolicy, Policy
from vhosts.policies.matching import matcher

#: Policies and operator policies, as in `console.kinds.effective.settings.Source`.
Sort = Literal["P", "OP"]
_MODELS: Mapping[Sort, type[Model]] = {"P": Policy, "OP": OperatorPolicy}


@dataclass(frozen=True, slots=True)
class Seen:
    """Both sorts of policies of one virtual host, and their rows' IDs by name."""

    policies: tuple[Governing, ...]
    operators: tuple[Governing, ...]
    ids: Mapping[tuple[str, str], int]
    facts: BrokerFacts
    compile_pattern: Compile

    @property
    def both(self) -> tuple[Policies, Policies]:
        return (
            Policies(self.policies, self.facts, self.compile_pattern),
            Policies(self.operators, self.facts, self.compile_pattern),
        )


def governing(name: str, spec: Spec) -> Governing:
    """Return a policy's spec in the form that the rules take."""
    return Governing(
        name,
        spec.get("pattern", ""),
        spec.get("apply_to", "all"),
        spec.get("priority", 0),
        spec.get("definition") or {},
    )


def seen_in(broker: Broker, vhost: str) -> Seen:
    """Return the policies of the virtual host as last seen. Two queries."""
    return seen_in_all(broker, [vhost])[vhost]


def seen_in_all(broker: Broker, vhosts: Collection[str]) -> dict[str, Seen]:
    """Return the policies of each of the virtual hosts as last seen. Two queries."""
    rows: dict[Sort, list[Any]] = {
        sort: list(model._default_manager.filter(broker=broker, vhost__in=vhosts))
        for sort, model in _MODELS.items()
    }
    facts = facts_of_version(broker)
    compile_pattern = matcher(dialect_of(broker.status.erlang_version))
    return {vhost: _of_vhost(vhost, rows, facts, compile_pattern) for vhost in vhosts}


def _of_vhost(
    vhost: str, rows: Mapping[Sort, Sequence[Any]], facts: BrokerFacts, compile_pattern: Compile
) -> Seen:
    here = {sort: [row for row in found if row.vhost == vhost] for sort, found in rows.items()}
    return Seen(
        tuple(map(_of_row, here["P"])),
        tuple(map(_of_row, here["OP"])),
        {(sort, row.name): row.pk for sort, found in here.items() for row in found},
        facts,
        compile_pattern,
    )


def _of_row(row: Any) -> Governing:
    return Governing(row.name, row.pattern, row.apply_to, row.priority, row.definition)
