"""Runtime parameters of a virtual host that have no kind of their own: what plugins keep there
beside shovels and federation upstreams.

Source: `rabbit_mgmt_wm_parameter.erl`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from console.kinds.common.kind import Field, Key, Kind, Line, Ref, Spec, SpecError, Step
from console.kinds.common.parameters import COLLECTION, RANK, align, commands, spec_of
from console.kinds.common.rows import Row, Section, Taker
from console.kinds.common.secrets import UriPasswords
from console.kinds.common.values import any_json
from console.kinds.common.wire import Named
from console.kinds.operator_policy import OPERATOR_POLICY
from console.kinds.parameters.federation_upstream import FEDERATION_UPSTREAM
from console.kinds.parameters.federation_upstream_set import FEDERATION_UPSTREAM_SET
from console.kinds.parameters.shovel import SHOVEL
from console.kinds.policy import POLICY
from console.kinds.vhost import VHOST

_NAMES = ("component", "vhost", "name")
#: By component: the kind of its parameters.
KIND_OF: Mapping[str, Kind] = {
    kind.section.component: kind
    for kind in (
        VHOST, POLICY, OPERATOR_POLICY, SHOVEL, FEDERATION_UPSTREAM, FEDERATION_UPSTREAM_SET,
    )
}  # fmt: skip


class _Others(Named):
    """The listing has the parameters of every component."""

    def specs(self, *answers: Sequence[Row]) -> Iterator[tuple[Key, Row]]:
        for key, spec in super().specs(*answers):
            if key[0] not in KIND_OF:
                yield key, spec


def _reaches_elsewhere(key: Key, spec: Spec | None) -> bool:
    return "://" in json.dumps((spec or {}).get("value"))


def _read_row(reader: Taker, row: Row) -> None:
    component, vhost = reader.name("parameter", row, "component"), reader.vhost_of(row)
    if "value" not in row:
        raise SpecError("value", "value is missing.")
    read = reader.components.get(component)
    if read is not None:
        name = "" if component == VHOST.section.component else reader.name("parameter", row)
        read(reader, vhost, name, row["value"])
        return
    name = reader.name("parameter", row)
    reader.take("parameter", (component, vhost, name), {"value": row["value"]})


def _emit(key: Key, spec: Mapping[str, Any]) -> Iterator[tuple[str, Row]]:
    yield COLLECTION, {**dict(zip(_NAMES, key, strict=True)), **spec}


def _stands_on(key: Key) -> Iterable[Ref]:
    yield Ref("vhost", (key[1],))


def _why_lost(key: Key, row: Mapping[str, Any]) -> str | None:
    """The listing has what other kinds store among the parameters."""
    return None if key[0] in KIND_OF else ""


def _rabbitmqctl(step: Step) -> Sequence[Line]:
    component, *key = step.key
    return commands(component, Step(tuple(key), step.op, step.spec, step.changed))


PARAMETER = Kind(
    name="parameter",
    noun="parameter",
    identity=_NAMES,
    fields=(Field("value", None, any_json),),
    rank=RANK,
    vhost_at=1,
    wire=_Others(COLLECTION, _NAMES, spec=spec_of, body=lambda key, spec: {"value": spec["value"]}),
    section=Section(
        name=COLLECTION, order=50, keys=frozenset({*_NAMES, "value"}), read=_read_row, emit=_emit
    ),
    called="{2} ({0}) in {1}",
    stands_on=_stands_on,
    why_lost=_why_lost,
    align=align,
    secrets=UriPasswords("value"),
    reaches_elsewhere=_reaches_elsewhere,
    rabbitmqctl=_rabbitmqctl,
)
