"""Policies: settings for the queues and exchanges whose names match a pattern.

Source: `rabbit_mgmt_wm_policy.erl`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from console.kinds.common import policies
from console.kinds.common.kind import Key, Kind, Ref, Spec, SpecError
from console.kinds.common.rows import Row, Section, Taker
from console.kinds.refusals import policy_keys
from console.kinds.refusals.versions import BrokerFacts, Fault


def _read_row(reader: Taker, row: Row) -> None:
    key = (reader.vhost_of(row), reader.name("policy", row))
    reader.take("policy", key, policies.spec_of_row(row))


def _read_component(reader: Taker, vhost: str, name: str, value: Any) -> None:
    if not isinstance(value, dict):
        raise SpecError("value", "value must be an object.")
    reader.take("policy", (vhost, name), policies.spec_of_row(value))


def _emit(key: Key, spec: Mapping[str, Any]) -> Iterator[tuple[str, Row]]:
    yield "policies", {"vhost": key[0], "name": key[1], **policies.row_of(spec)}


def _stands_on(key: Key) -> Iterable[Ref]:
    yield Ref("vhost", (key[0],))


def _faults(key: Key, spec: Spec, facts: BrokerFacts) -> Iterable[Fault]:
    return policy_keys.faults(spec, facts, operator=False)


POLICY = Kind(
    name="policy",
    noun="policy",
    nouns="policies",
    identity=("vhost", "name"),
    fields=policies.FIELDS,
    rank=60,
    vhost_at=0,
    wire=policies.wire("policies"),
    section=Section(
        name="policies",
        order=70,
        keys=policies.ROW_KEYS,
        read=_read_row,
        emit=_emit,
        component="policy",
        read_component=_read_component,
    ),
    called="{1} in {0}",
    stands_on=_stands_on,
    faults=_faults,
    rabbitmqctl=policies.commands("set_policy", "clear_policy"),
)
