"""Operator policies: upper bounds for what policies and arguments set. Definitions files store them
among the parameters.

Source: `rabbit_mgmt_wm_operator_policy.erl`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from console.kinds.common import policies
from console.kinds.common.kind import Key, Kind, Ref, Spec, SpecError
from console.kinds.common.rows import Row, Section, Taker
from console.kinds.refusals import policy_keys
from console.kinds.refusals.versions import BrokerFacts, Fault

_COMPONENT = "operator_policy"


def _read_component(reader: Taker, vhost: str, name: str, value: Any) -> None:
    if not isinstance(value, dict):
        raise SpecError("value", "value must be an object.")
    reader.take("operator_policy", (vhost, name), policies.spec_of_row(value))


def _emit(key: Key, spec: Mapping[str, Any]) -> Iterator[tuple[str, Row]]:
    row = {"component": _COMPONENT, "vhost": key[0], "name": key[1]}
    yield "parameters", {**row, "value": policies.row_of(spec)}


def _stands_on(key: Key) -> Iterable[Ref]:
    yield Ref("vhost", (key[0],))


def _faults(key: Key, spec: Spec, facts: BrokerFacts) -> Iterable[Fault]:
    return policy_keys.faults(spec, facts, operator=True)


OPERATOR_POLICY = Kind(
    name="operator_policy",
    noun="operator policy",
    nouns="operator policies",
    identity=("vhost", "name"),
    fields=policies.FIELDS,
    rank=60,
    vhost_at=0,
    wire=policies.wire("operator-policies"),
    section=Section(
        name="parameters",
        order=50,
        emit=_emit,
        component=_COMPONENT,
        read_component=_read_component,
    ),
    called="{1} in {0}",
    stands_on=_stands_on,
    faults=_faults,
    rabbitmqctl=policies.commands("set_operator_policy", "clear_operator_policy"),
)
